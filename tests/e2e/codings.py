"""Content codings undone by the libraries themselves, so that a test needs no further package."""

import ctypes
import ctypes.util
import zlib

MAX = 16 << 20


class Zstd:
    class Buffer(ctypes.Structure):
        _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t)]

    def __init__(self):
        self.lib = ctypes.CDLL(ctypes.util.find_library("zstd"))
        self.lib.ZSTD_createDStream.restype = ctypes.c_void_p
        self.lib.ZSTD_decompressStream.restype = ctypes.c_size_t
        self.lib.ZSTD_decompressStream.argtypes = [ctypes.c_void_p] + [ctypes.POINTER(self.Buffer)] * 2

    def undo(self, data):
        source, room = ctypes.create_string_buffer(data, len(data)), ctypes.create_string_buffer(MAX)
        into = self.Buffer(ctypes.addressof(room), MAX, 0)
        out_of = self.Buffer(ctypes.addressof(source), len(data), 0)
        result = self.lib.ZSTD_decompressStream(self.lib.ZSTD_createDStream(), ctypes.byref(into),
                                                ctypes.byref(out_of))
        assert not self.lib.ZSTD_isError(ctypes.c_size_t(result)), "bad zstd"
        return room.raw[:into.pos], result == 0


class Brotli:
    def __init__(self):
        self.lib = ctypes.CDLL(ctypes.util.find_library("brotlidec"))
        self.lib.BrotliDecoderCreateInstance.restype = ctypes.c_void_p
        self.lib.BrotliDecoderDecompressStream.argtypes = [ctypes.c_void_p] * 6

    def undo(self, data):
        source, room = ctypes.create_string_buffer(data, len(data)), ctypes.create_string_buffer(MAX)
        n, left = ctypes.c_size_t(len(data)), ctypes.c_size_t(MAX)
        source_at = ctypes.c_void_p(ctypes.addressof(source))
        room_at = ctypes.c_void_p(ctypes.addressof(room))
        result = self.lib.BrotliDecoderDecompressStream(
            self.lib.BrotliDecoderCreateInstance(None, None, None), ctypes.addressof(n),
            ctypes.addressof(source_at), ctypes.addressof(left), ctypes.addressof(room_at), None)
        assert result != 0, "bad brotli"
        return room.raw[:MAX - left.value], result == 1


class Gzip:
    def undo(self, data):
        stream = zlib.decompressobj(31)
        return stream.decompress(data), stream.eof


def undo(coding, data):
    """The bytes that can be had from data, and whether the stream is complete."""
    return {"zstd": Zstd, "br": Brotli, "gzip": Gzip}[coding]().undo(data)
