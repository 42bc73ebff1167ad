// Asks the search of the built documentation, with Sphinx's own scripts, as its search page does.
// node search_docs.js BUILT_HTML: reads a JSON list of queries, writes a list of lists of pages.
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const built = process.argv[2];
const page = {
  localStorage: { getItem: () => null, setItem: () => {}, removeItem: () => {} },
  document: { readyState: "loading", addEventListener: () => {}, getElementById: () => null },
};
page.window = page;
vm.createContext(page);
const html = fs.readFileSync(path.join(built, "search.html"), "utf8");
const scripts = [...html.matchAll(/<script src="([^"?]+)/g)].map((match) => match[1]);
const needed = /documentation_options|doctools|sphinx_highlight|searchtools|language_data|stemmer|searchindex/;
for (const script of scripts.filter((name) => needed.test(name))) {
  vm.runInContext(fs.readFileSync(path.join(built, script), "utf8"), page, { filename: script });
}
page.queries = JSON.parse(fs.readFileSync(0, "utf8"));
const found = vm.runInContext(
  "queries.map((q) => Search._performSearch(...Search._parseQuery(q)).reverse().map((r) => r[0]))",
  page,
);
console.log(JSON.stringify(found));
