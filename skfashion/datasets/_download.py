"""Downloads that end, whatever a server sends, and however slowly."""

import http.client
import io
from shutil import copyfileobj
from time import monotonic

import requests
import urllib3
from requests.adapters import HTTPAdapter
from tqdm import tqdm

# A server may take this many seconds for its first bytes, and between bytes, and must send this
# many bytes a second from then on, headers included.
_PATIENCE = 30
_LEAST_RATE = 1 << 14
_CHUNK_BYTES = 1 << 16


def download(url, file, *, n_bytes, name):
    """Download a file, without following redirections, as long as its server is quick enough.

    Parameters
    ----------
    url : str
        What to get.
    file : file object
        Where to write the bytes as they come, without a decompression.
    n_bytes : int
        How many to accept at most, headers included.
    name : str
        For the progress bar.

    Raises
    ------
    ValueError
        If the server does not send a file, or too slowly or too much of it. Errors in writing are
        raised as they are.
    """
    # Neither pooch nor requests limits the time of a whole download, nor that of its headers.
    adapter = _Adapter(_Allowance(n_bytes))
    try:
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, adapter)
            with session.get(
                url,
                headers={"Accept-Encoding": "identity"},
                stream=True,
                allow_redirects=False,
                timeout=_PATIENCE,
            ) as response:
                response.raise_for_status()
                if response.status_code != requests.codes.ok:
                    raise ValueError(
                        f"expected a file, found {response.status_code} {response.reason}"
                    )
                total = response.raw.length_remaining
                with tqdm.wrapattr(file, "write", total=total, desc=name, unit="B") as out:
                    copyfileobj(response.raw, out, _CHUNK_BYTES)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise ValueError(str(error)) from error


class _Allowance:
    """The time and the bytes that one download may take."""

    def __init__(self, n_bytes):
        self._n_bytes = n_bytes
        self._received = 0
        self._start = monotonic()

    def take(self, n_bytes):
        self._received += n_bytes
        if self._received > self._n_bytes:
            raise ValueError("expected a compressed file, found more bytes than it can have")
        seconds = monotonic() - self._start
        if seconds > _PATIENCE + self._received / _LEAST_RATE:
            raise ValueError(
                f"expected {_LEAST_RATE:,} bytes a second after the first {_PATIENCE} seconds, "
                f"found {self._received:,} bytes in {seconds:.0f} seconds"
            )


class _Adapter(HTTPAdapter):
    """Connections of requests whose every read counts, from the status line to the last trailer."""

    def __init__(self, allowance):
        self._allowance = allowance
        super().__init__()

    def get_connection_with_tls_context(self, *args, **kwargs):
        return self._counted(super().get_connection_with_tls_context(*args, **kwargs))

    def get_connection(self, *args, **kwargs):  # its name before requests 2.32
        return self._counted(super().get_connection(*args, **kwargs))

    def _counted(self, pool):
        allowance = self._allowance

        class Response(http.client.HTTPResponse):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.fp = io.BufferedReader(_Counted(self.fp.detach(), allowance))

        class Connection(pool.ConnectionCls):
            response_class = Response

        pool.ConnectionCls = Connection
        return pool


class _Counted(io.RawIOBase):
    def __init__(self, raw, allowance):
        self._raw = raw
        self._allowance = allowance

    def readable(self):
        return True

    def readinto(self, buffer):
        n_bytes = self._raw.readinto(buffer)
        self._allowance.take(n_bytes)
        return n_bytes

    def close(self):
        self._raw.close()
        super().close()
