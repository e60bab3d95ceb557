"""HAR 1.2 (HTTP Archive), which browser tools open; what HAR has no word for stands under names that begin with `_`."""

import orjson
import polars as pl

from calltrail import __version__
from calltrail.formats.cells import ISO_8601_MOMENT
from calltrail.formats.json_part import JsonArray

_ABSENT = (
    (b',"postData":null', b""),
    (b',"text":null', b""),
    (b',"encoding":null', b""),
    (b',"cache":null', b',"cache":{}'),
)
"""HAR leaves out what is not there. Quotes within texts are escaped, so that these are found between values only."""


class HarPart:
    """A HAR file in the making: an entry a call, a line each.

    A call that is processing has the HTTP status 0, as a request that a browser still waits for.
    """

    cut_cells = 0

    def __init__(self) -> None:
        self._array = JsonArray()

    def head(self) -> bytes:
        creator = orjson.dumps({"name": "Calltrail", "version": __version__})
        return b'{"log":{"version":"1.2","creator":' + creator + b',"entries":[\n'

    def rows(self, batch: pl.DataFrame) -> bytes:
        lines = self._array.items(batch.select(*_ENTRY))
        for absent, instead in _ABSENT:
            lines = lines.replace(absent, instead)
        return lines

    def tail(self) -> bytes:
        return b"]}}\n"


def _pairs(texts: pl.Expr, between: str, within: str) -> pl.Expr:
    """Lists of names and values, from texts such as `a=1&b=2`."""
    one = pl.element()
    pair = one.str.splitn(within, 2).struct
    named = pl.struct(name=pair.field("field_0"), value=pair.field("field_1").fill_null(""))
    return texts.fill_null("").str.split(between).list.eval(named.filter(one != ""))


def _headers(side: str) -> pl.Expr:
    return _pairs(pl.col(f"{side}_headers"), "\n", ": ").alias("headers")


def _header(side: str, name: str) -> pl.Expr:
    return pl.col(f"{side}_headers").str.extract(rf"(?im)^{name}: *(.*?)\r?$")


def _media_type(side: str) -> pl.Expr:
    return _header(side, "content-type").fill_null("x-unknown").alias("mimeType")


def _body_size(side: str) -> pl.Expr:
    return pl.col(f"{side}_body_bytes").fill_null(0).alias("bodySize")


def _content_size() -> pl.Expr:
    decoded = pl.col("response_body").str.len_bytes().cast(pl.Int64)
    size = (
        pl.when(pl.col("response_body_decoded_from").is_null()).then(pl.col("response_body_bytes")).otherwise(decoded)
    )
    return size.fill_null(0).alias("size")


_MILLISECONDS = ((pl.col("finished_at") - pl.col("started_at")).dt.total_microseconds() / 1000).fill_null(0.0).clip(0.0)
_NO_PAIRS = _headers("request").list.head(0)
_HTTP_VERSION = pl.lit("HTTP/1.1").alias("httpVersion")
_UNKNOWN_SIZE = pl.lit(-1).alias("headersSize")

_POST_DATA = pl.when(pl.col("request_body") != "").then(
    pl.struct(
        _media_type("request"),
        pl.col("request_body").alias("text"),
        pl.col("request_body_encoding").alias("_encoding"),
        pl.col("request_body_truncated").alias("_truncated"),
    )
)

_REQUEST = pl.struct(
    pl.col("http_method").alias("method"),
    "url",
    _HTTP_VERSION,
    _NO_PAIRS.alias("cookies"),
    _headers("request"),
    _pairs(pl.col("url").str.extract(r"\?([^#]*)"), "&", "=").alias("queryString"),
    _POST_DATA.alias("postData"),
    _UNKNOWN_SIZE,
    _body_size("request"),
)

_CONTENT = pl.struct(
    _content_size(),
    _media_type("response"),
    pl.col("response_body").alias("text"),
    pl.when(pl.col("response_body_encoding") == "base64").then(pl.lit("base64")).alias("encoding"),
    pl.col("response_body_truncated").fill_null(value=False).alias("_truncated"),
)

_RESPONSE = pl.struct(
    pl.col("http_status_code").fill_null(0).alias("status"),
    pl.lit("").alias("statusText"),
    _HTTP_VERSION,
    _NO_PAIRS.alias("cookies"),
    _headers("response"),
    _CONTENT.alias("content"),
    _header("response", "location").fill_null("").alias("redirectURL"),
    _UNKNOWN_SIZE,
    _body_size("response"),
)

_ENTRY = (
    pl.col("started_at").dt.strftime(ISO_8601_MOMENT).alias("startedDateTime"),
    _MILLISECONDS.alias("time"),
    _REQUEST.alias("request"),
    _RESPONSE.alias("response"),
    pl.lit(None).alias("cache"),
    pl.struct(pl.lit(0).alias("send"), _MILLISECONDS.alias("wait"), pl.lit(0).alias("receive")).alias("timings"),
    pl.col("id").alias("_id"),
    pl.col("method_system_name").alias("_apiMethod"),
    pl.col("endpoint_external_id").alias("_endpoint"),
    pl.col("integration_name").alias("_integration"),
    pl.col("device").alias("_device"),
    pl.col("client_transaction_id").alias("_transactionId"),
    pl.col("status").alias("_status"),
    pl.col("has_errors").alias("_hasErrors"),
    pl.col("error_messages").alias("_errorMessages"),
)
