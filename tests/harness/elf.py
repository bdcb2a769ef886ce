# SPDX-License-Identifier: MIT
"""What a 64-bit little-endian ELF file says about itself to the dynamic linker, read with nothing but struct.

Only the dynamic segment is read, since it is all that ld.so looks at: a section table may be missing, or lie. elf(5)
names the fields.
"""

import collections
import struct

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_TLS = 1, 2, 3, 7
PT_GNU_EH_FRAME, PT_GNU_STACK, PT_GNU_RELRO = 0x6474E550, 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2

DT_NEEDED, DT_PLTRELSZ, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_RELA, DT_RELASZ = 1, 2, 4, 5, 6, 7, 8
DT_INIT, DT_FINI = 12, 13
DT_TEXTREL, DT_JMPREL, DT_BIND_NOW, DT_INIT_ARRAYSZ, DT_FINI_ARRAYSZ = 22, 23, 24, 27, 28
DT_FLAGS, DT_PREINIT_ARRAYSZ, DT_GNU_HASH = 30, 33, 0x6FFFFEF5
DT_VERSYM, DT_FLAGS_1, DT_VERDEF, DT_VERDEFNUM = 0x6FFFFFF0, 0x6FFFFFFB, 0x6FFFFFFC, 0x6FFFFFFD
DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
DF_TEXTREL, DF_BIND_NOW = 4, 8
DF_1_NOW, DF_1_INITFIRST = 1, 0x20

STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
STT_FUNC, STT_GNU_IFUNC = 2, 10

# Relocations of thread-local storage by machine: found by a call at run time, or at a fixed distance.
DYNAMIC_TLS = {62: {16, 17, 36}, 183: {1028, 1029, 1031}}  # x86-64, aarch64
STATIC_TLS = {62: {18}, 183: {1030}}

Segment = collections.namedtuple("Segment", "type flags offset address file_size memory_size")
# `version` is None without one; `default` is False for the old versions of a name.
Symbol = collections.namedtuple("Symbol", "name value size binding type defined version default")


class Elf:
    """One shared object or dynamic program."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self._bytes = file.read()
        if self._bytes[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path}: no 64-bit little-endian ELF file")
        self.machine = struct.unpack_from("<H", self._bytes, 18)[0]
        start, = struct.unpack_from("<Q", self._bytes, 32)
        size, count = struct.unpack_from("<HH", self._bytes, 54)
        self.segments = [self._segment(start + i * size) for i in range(count)]
        self.dynamic = self._read_dynamic()
        self.needed = [self._string(value) for tag, value in self.dynamic if tag == DT_NEEDED]
        self.symbols = self._read_symbols()

    def segment(self, kind):
        """The one segment of this type, or None."""
        found = [segment for segment in self.segments if segment.type == kind]
        return found[0] if found else None

    def interpreter(self):
        """The dynamic linker that a program asks for."""
        segment = self.segment(PT_INTERP)
        return self._bytes[segment.offset:segment.offset + segment.file_size].rstrip(b"\0").decode()

    def tag(self, wanted, default=0):
        """The value of a dynamic entry that can be there once."""
        return next((value for tag, value in self.dynamic if tag == wanted), default)

    def exports(self):
        return [symbol for symbol in self.symbols if symbol.defined]

    def imports(self):
        return [symbol for symbol in self.symbols if not symbol.defined]

    def relocation_types(self):
        """The types of all dynamic relocations."""
        types = set()
        for table, size in ((DT_RELA, DT_RELASZ), (DT_JMPREL, DT_PLTRELSZ)):
            if self.tag(table):
                start = self._offset(self.tag(table))
                for at in range(start, start + self.tag(size), 24):
                    types.add(struct.unpack_from("<I", self._bytes, at + 8)[0])
        return types

    def unwinding_ranges(self):
        """[(start, end)] of all code that can be unwound: what an exception, a cancelled thread and backtrace(3) get through.

        From the sorted table that the unwinder itself searches (.eh_frame_hdr of the Linux Standard Base).
        """
        segment = self.segment(PT_GNU_EH_FRAME)
        version, _, count_kind, table_kind = self._bytes[segment.offset:segment.offset + 4]
        if (version, count_kind, table_kind) != (1, 0x03, 0x3B):  # a 4-byte count; 4-byte distances from the table's start
            raise ValueError("an unwinding table of another form")
        count, = struct.unpack_from("<I", self._bytes, segment.offset + 8)
        ranges = []
        for at in range(segment.offset + 12, segment.offset + 12 + 8 * count, 8):
            start, entry = (segment.address + distance for distance in struct.unpack_from("<ii", self._bytes, at))
            # length, distance to the common part, start and size of the code: four bytes each
            size, = struct.unpack_from("<I", self._bytes, self._offset(entry) + 12)
            ranges.append((start, start + size))
        return ranges

    def _segment(self, at):
        kind, flags, offset, address, _, file_size, memory_size = struct.unpack_from("<IIQQQQQ", self._bytes, at)
        return Segment(kind, flags, offset, address, file_size, memory_size)

    def _offset(self, address):
        for segment in self.segments:
            if segment.type == PT_LOAD and 0 <= address - segment.address < segment.file_size:
                return address - segment.address + segment.offset
        raise ValueError(f"address {address:#x} lies in no segment")

    def _string(self, index):
        start = self._offset(self.tag(DT_STRTAB)) + index
        return self._bytes[start:self._bytes.index(b"\0", start)].decode()

    def _read_dynamic(self):
        segment = self.segment(PT_DYNAMIC)
        entries = []
        for at in range(segment.offset, segment.offset + segment.file_size, 16):
            tag, value = struct.unpack_from("<qQ", self._bytes, at)
            if tag == 0:
                break
            entries.append((tag, value))
        return entries

    def _symbol_count(self):
        """The table has no length of its own: the hash table knows the last symbol."""
        if self.tag(DT_HASH):
            return struct.unpack_from("<I", self._bytes, self._offset(self.tag(DT_HASH)) + 4)[0]
        table = self._offset(self.tag(DT_GNU_HASH))
        buckets, first, words = struct.unpack_from("<III", self._bytes, table)
        chains = table + 16 + 8 * words + 4 * buckets
        last = max(struct.unpack_from(f"<{buckets}I", self._bytes, table + 16 + 8 * words))
        if last < first:
            return first
        while struct.unpack_from("<I", self._bytes, chains + 4 * (last - first))[0] & 1 == 0:
            last += 1
        return last + 1

    def _version_names(self):
        """{index: name} of the versions that this object defines and needs."""
        names = {}
        at = self._offset(self.tag(DT_VERDEF)) if self.tag(DT_VERDEF) else 0
        for _ in range(self.tag(DT_VERDEFNUM)):
            _, _, index, _, _, aux, following = struct.unpack_from("<HHHHIII", self._bytes, at)
            names[index] = self._string(struct.unpack_from("<I", self._bytes, at + aux)[0])
            at += following
        at = self._offset(self.tag(DT_VERNEED)) if self.tag(DT_VERNEED) else 0
        for _ in range(self.tag(DT_VERNEEDNUM)):
            _, count, _, aux, following = struct.unpack_from("<HHIII", self._bytes, at)
            inner = at + aux
            for _ in range(count):
                _, _, index, name, after = struct.unpack_from("<IHHII", self._bytes, inner)
                names[index] = self._string(name)
                inner += after
            at += following
        return names

    def _read_symbols(self):
        names = self._version_names()
        table = self._offset(self.tag(DT_SYMTAB))
        versions = self._offset(self.tag(DT_VERSYM)) if self.tag(DT_VERSYM) else None
        symbols = []
        for i in range(1, self._symbol_count()):
            name, info, _, section, value, size = struct.unpack_from("<IBBHQQ", self._bytes, table + 24 * i)
            word = struct.unpack_from("<H", self._bytes, versions + 2 * i)[0] if versions is not None else 1
            if info >> 4 == STB_LOCAL:  # some linkers leave those of sections here
                continue
            # 0 and 1 mean "local" and "of no version"; the top bit hides the old versions of a name.
            version = names.get(word & 0x7FFF) if word & 0x7FFF > 1 else None
            symbols.append(Symbol(self._string(name), value, size, info >> 4, info & 15, section != 0, version,
                                  word & 0x8000 == 0))
        return symbols
