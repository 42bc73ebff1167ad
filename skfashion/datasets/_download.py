"""Downloads with a limit of time and size, whatever the server sends."""

from __future__ import annotations

import http.client
import io
from shutil import copyfileobj
from time import monotonic
from typing import Any, BinaryIO

import requests
import urllib3
from requests.adapters import HTTPAdapter
from tqdm import tqdm

# Seconds that a server may take for its first bytes, and between bytes.
_PATIENCE = 30
# Bytes per second, with headers, that it must send on average after these seconds.
_LEAST_RATE = 1 << 14


def download(url: str, file: BinaryIO, *, n_bytes: int, name: str) -> None:
    """Download a file from a server that is fast enough, without following redirections.

    Parameters
    ----------
    url : str
        Address of the file.
    file : file object
        Binary file for the bytes, which are not decompressed.
    n_bytes : int
        Maximum number of bytes, with headers.
    name : str
        Name of the file in the progress bar.

    Raises
    ------
    ValueError
        If the server does not send a file, or sends it too slowly or too many bytes. Errors in
        writing are raised unchanged.
    """
    # Neither pooch nor requests limits the time of a download or that of its headers.
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
                    copyfileobj(response.raw, out)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise ValueError(str(error)) from error


class _Allowance:
    """The limits of time and bytes of one download."""

    def __init__(self, n_bytes: int) -> None:
        self._n_bytes = n_bytes
        self._received = 0
        self._start = monotonic()

    def take(self, n_bytes: int) -> None:
        self._received += n_bytes
        if self._received > self._n_bytes:
            raise ValueError("expected a compressed file, found more bytes than it can have")
        seconds = monotonic() - self._start
        if seconds > _PATIENCE + self._received / _LEAST_RATE:
            raise ValueError(
                f"expected {_LEAST_RATE:,} bytes per second after the first {_PATIENCE} seconds, "
                f"found {self._received:,} bytes in {seconds:.0f} seconds"
            )


class _Adapter(HTTPAdapter):
    """Connections that count all bytes, from the status line to the last trailer."""

    def __init__(self, allowance: _Allowance) -> None:
        self._allowance = allowance
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        return self._counted(super().get_connection_with_tls_context(*args, **kwargs))

    def get_connection(self, *args: Any, **kwargs: Any) -> Any:  # The name before requests 2.32.
        return self._counted(super().get_connection(*args, **kwargs))

    def _counted(self, pool: Any) -> Any:
        allowance = self._allowance

        class Response(http.client.HTTPResponse):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self.fp = io.BufferedReader(_Counted(self.fp.detach(), allowance))

        class Connection(pool.ConnectionCls):
            response_class = Response

        pool.ConnectionCls = Connection
        return pool


class _Counted(io.RawIOBase):
    def __init__(self, raw: Any, allowance: _Allowance) -> None:
        self._raw = raw
        self._allowance = allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        n_bytes = self._raw.readinto(buffer)
        self._allowance.take(n_bytes)
        return n_bytes

    def close(self) -> None:
        self._raw.close()
        super().close()
