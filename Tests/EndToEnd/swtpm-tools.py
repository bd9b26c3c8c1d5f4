#!/usr/bin/env python3
"""What swtpm-tools.sh needs and a shell has not: bytes on sockets, descriptors handed over, authorized TPM commands.

The addresses are unix:PATH and tcp:PORT (on 127.0.0.1). What a verb finds goes to standard output, one thing a line;
it exits with 1 and a sentence when something is not as it must be.
"""

import hashlib
import hmac
import os
import socket
import struct
import sys
import time

# Modules that one verb needs are imported there: this runs some hundred times, and they take longer than it.

SRK, EK = 0x40000000, 0x40000006


def fail(sentence):
    print(sentence)
    sys.exit(1)


# -- Bytes on sockets -------------------------------------------------------------------------------------------------


def connect(address):
    kind, _, place = address.partition(":")
    if kind == "tcp":
        connection = socket.create_connection(("127.0.0.1", int(place)))
    else:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(place)
    connection.settimeout(3)
    return connection


def answer(connection, request=b""):
    """The bytes that come back, "closed" when the other end hung up, "silence" when nothing came in 3 seconds."""
    try:
        if request:
            connection.sendall(request)
        got = connection.recv(65536)
        return got.hex() if got else "closed"
    except socket.timeout:
        return "silence"
    except ConnectionError:
        return "closed"


def u32(*numbers):
    return struct.pack(">%dI" % len(numbers), *numbers)


def send(address, *messages):
    """Each message over one connection."""
    with connect(address) as connection:
        for message in messages:
            print(answer(connection, bytes.fromhex(message)))


def split(address, *parts):
    """One message in several writes, 0.2 s apart."""
    with connect(address) as connection:
        for part in parts[:-1]:
            connection.sendall(bytes.fromhex(part))
            time.sleep(0.2)
        print(answer(connection, bytes.fromhex(parts[-1])))


# -- Descriptors handed over ------------------------------------------------------------------------------------------

CAPABILITY, INIT, SHUTDOWN, SET_DATAFD = u32(1), u32(2, 0), u32(3), u32(16)
STARTUP, READ_PCR_0 = bytes.fromhex("00c10000000c000000990001"), bytes.fromhex("00c10000000e0000001500000000")


def hand_over(control, *messages):
    """SET_DATAFD with one end of a pair; then each message over the other."""
    import array

    ours, theirs = socket.socketpair()
    ours.settimeout(3)
    with connect(control) as connection:
        rights = array.array("i", [theirs.fileno()])
        connection.sendmsg([SET_DATAFD], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        print(answer(connection))
        theirs.close()
        for message in messages:
            print(answer(ours, bytes.fromhex(message)))
        ours.close()
        time.sleep(0.1)
        print(answer(connection, CAPABILITY))


def listening(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(4)
    return listener


def start(program, *descriptors):
    """Runs the program with each "@N@" replaced by the number of the N-th descriptor; closes them here."""
    import subprocess

    for place, descriptor in enumerate(descriptors):
        program = [word.replace("@%d@" % place, str(descriptor.fileno())) for word in program]
    numbers = [descriptor.fileno() for descriptor in descriptors]
    process = subprocess.Popen(program, pass_fds=numbers, stderr=subprocess.DEVNULL)
    for descriptor in descriptors:
        descriptor.close()
    return process


def status(process):
    """Its exit status, or "running" after half a second."""
    import subprocess

    try:
        return process.wait(0.5)
    except subprocess.TimeoutExpired:
        return "running"


def connected(*program):
    """@0@ is a connected control socket, @1@ a connected data socket; the end is a SHUTDOWN."""
    control, control_end = socket.socketpair()
    data, data_end = socket.socketpair()
    control.settimeout(3)
    data.settimeout(3)
    process = start(program, control_end, data_end)
    print(answer(control, CAPABILITY))
    print(answer(data, READ_PCR_0))
    print(answer(data, READ_PCR_0))
    print(answer(control, SHUTDOWN))
    print(status(process))


def connected_data(*program):
    """@0@ is a connected data socket; the end is that it closes."""
    data, data_end = socket.socketpair()
    data.settimeout(3)
    process = start(program, data_end)
    print(answer(data, READ_PCR_0))
    print(answer(data, READ_PCR_0))
    data.close()
    print(status(process))
    process.kill()


def accepting(directory, *program):
    """@0@ is a listening control socket, @1@ a listening data socket; two clients of each, one after the other."""
    control, data = directory + "/accepting-control", directory + "/accepting-data"
    process = start(program, listening(control), listening(data))
    for _ in range(2):
        with connect("unix:" + control) as connection:
            print(answer(connection, CAPABILITY))
        with connect("unix:" + data) as connection:
            print(answer(connection, READ_PCR_0))
    print(status(process))
    process.terminate()
    print(process.wait(3))


# -- Garbage ----------------------------------------------------------------------------------------------------------


def throw(address, message, close_at_once):
    """Sends what need not be a message; an answer, a closed connection or none are all the same here."""
    try:
        with connect(address) as connection:
            connection.settimeout(0.05)
            connection.sendall(message)
            if not close_at_once:
                connection.recv(65536)
    except OSError:
        pass


def garbage(control, data, seed):
    """Random bytes, requests cut short, lengths beyond all measure. Neither INIT, SHUTDOWN nor STOP is among them."""
    import random

    dice = random.Random(int(seed))
    harmless = [1, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 18, 19, 20, 0, 0xFFFFFFFF]
    for _ in range(60):
        number = u32(dice.choice(harmless))
        throw(control, number + dice.randbytes(dice.randrange(64)), dice.random() < 0.7)
        throw(control, number[: dice.randrange(4)], True)
        throw(control, dice.randbytes(3) + b"\x80" + dice.randbytes(dice.randrange(5000)), dice.random() < 0.7)
        throw(data, dice.randbytes(dice.randrange(1, 5000)), dice.random() < 0.7)
        throw(data, b"\x00\xc1" + u32(dice.choice([0, 9, 10, 4096, 4097, 0xFFFFFFFF]), 0x15), dice.random() < 0.7)
    for length in (0xFFFFFFFF, 0x7FFFFFFF, 0x10000000):
        for head in (u32(13, 0, 1, length), u32(7, length)):
            throw(control, head + bytes(1 << 20), True)
    for _ in range(300):
        throw(control, b"", True)
        throw(data, b"", True)


# -- Authorized commands of a TPM 1.2 ---------------------------------------------------------------------------------


def sha1(*parts):
    return hashlib.sha1(b"".join(parts)).digest()


def blob(data):
    return u32(len(data)) + data


class Session:
    """An OIAP session (Part 1, 17.1), or an OSAP one with the secret that both sides made."""

    def __init__(self, handle, even, secret=None):
        self.handle, self.even, self.secret = handle, even, secret

    def kept(self):
        return {"handle": self.handle, "even": self.even.hex()}


class TPM:
    def __init__(self, address):
        self.address = address

    def transmit(self, request):
        """One connection a command, so that it does not matter whether the other end hangs up after an answer."""
        with connect(self.address) as connection:
            connection.settimeout(30)
            got = b""
            try:
                connection.sendall(request)
                while len(got) < 10 or len(got) < struct.unpack(">I", got[2:6])[0]:
                    part = connection.recv(65536)
                    if not part:
                        fail("the TPM hung up in the middle of an answer")
                    got += part
            except OSError as error:
                fail("no answer from the TPM: %s" % error)
            return got

    def command(self, ordinal, handles=b"", operands=b"", session=None, secret=b"", keep=False, handles_out=0):
        """The parameters of the answer. With a session, the HMACs of both directions are made and checked."""
        body, tag = handles + operands, 0xC1
        if session is not None:
            tag, odd, going_on = 0xC2, os.urandom(20), bytes([keep])
            secret = session.secret or secret
            digest = sha1(u32(ordinal), operands)
            mac = hmac.digest(secret, digest + session.even + odd + going_on, "sha1")
            body += u32(session.handle) + odd + going_on + mac
        got = self.transmit(struct.pack(">HII", tag, 10 + len(body), ordinal) + body)
        code = struct.unpack(">I", got[6:10])[0]
        if code:
            fail("ordinal %#x answered %#x" % (ordinal, code))
        if session is None:
            return got[10:]
        out, trailer = got[10:-41], got[-41:]
        even, going_on, mac = trailer[:20], trailer[20:21], trailer[21:]
        digest = sha1(bytes(4), u32(ordinal), out[handles_out:])
        if not hmac.compare_digest(mac, hmac.digest(secret, digest + even + odd + going_on, "sha1")):
            fail("ordinal %#x: the answer's HMAC is wrong" % ordinal)
        session.even = even
        return out

    def oiap(self):
        out = self.command(0x0A)
        return Session(struct.unpack(">I", out[:4])[0], out[4:24])

    def osap(self, entity, value, secret):
        odd = os.urandom(20)
        out = self.command(0x0B, b"", struct.pack(">HI", entity, value) + odd)
        session = Session(struct.unpack(">I", out[:4])[0], out[4:24])
        session.secret = hmac.digest(secret, out[24:44] + odd, "sha1")
        session.odd = odd
        return session

    def pcr(self, index):
        return self.command(0x15, b"", u32(index)).hex()

    def capability(self, area, sub=b""):
        return self.command(0x65, b"", u32(area) + blob(sub))[4:]

    def owner_reads_nv(self, index, owner):
        """All of an area that the owner may read."""
        size = struct.unpack(">I", self.capability(0x11, u32(index))[-4:])[0]
        data = b""
        while len(data) < size:
            piece = u32(index, len(data), min(512, size - len(data)))
            data += self.command(0xCF, b"", piece, self.oiap(), owner)[4:]
        return data

    def owner_reads(self, key, owner):
        """The modulus of EK or SRK, for the owner (TPM_OwnerReadInternalPub)."""
        out = self.command(0x81, b"", u32(key), self.oiap(), owner)
        # TPM_PUBKEY: algorithm, two schemes, then the parameters with their length, then the modulus with its own.
        parameters = struct.unpack(">I", out[8:12])[0]
        return out[16 + parameters :].hex()

    def signing_key(self, parent, secret):
        """A new RSA-1024 signing key under the SRK, whose secret is the parent's: its handle and its modulus."""
        session = self.osap(0x0004, SRK, parent)
        hidden = [
            bytes(a ^ b for a, b in zip(secret, sha1(session.secret, nonce))) for nonce in (session.even, session.odd)
        ]
        template = bytes.fromhex("01010000 0010 00000000 01 00000001 0001 0002") + blob(u32(1024, 2, 0))
        template += u32(0, 0, 0)
        key = self.command(0x1F, u32(SRK), b"".join(hidden) + template, session)
        handle = self.command(0x41, u32(SRK), key, self.oiap(), parent, handles_out=4)
        # TPM_KEY up to the modulus: version, usage, flags, auth usage, algorithm and schemes, parameters, no PCRs.
        modulus = key[4 + 2 + 4 + 1 + 8 + 4 + 12 + 4 + 4 :][:128]
        return struct.unpack(">I", handle[:4])[0], modulus.hex()

    def sign(self, key, digest, session, secret):
        return self.command(0x3C, u32(key), blob(digest), session, secret, keep=True)[4:]


KEY_SECRET = sha1(b"the key's")


def secret_of(password):
    """swtpm_setup hashes the twenty zeros of its "well-known" password like any other; that is the password "-"."""
    return sha1(bytes(20) if password == "-" else password.encode())


def certificates(address, owner, directory):
    """Writes what swtpm_setup put into NV storage, without the TCG's header, to ek.der and platform.der."""
    for name, index in (("ek", 0x1000F000), ("platform", 0x1000F002)):
        stored = TPM(address).owner_reads_nv(index, secret_of(owner))
        tag, kind, length = struct.unpack(">HBH", stored[:5])
        full, certificate = struct.unpack(">H", stored[5:7])[0], stored[7 : 5 + length]
        if (tag, kind, full) != (0x1001, 0, 0x1002):
            fail("no certificate in NV index %#x but %s" % (index, stored[:16].hex()))
        with open("%s/%s.der" % (directory, name), "wb") as file:
            file.write(certificate)


def owned(address, owner):
    """The moduli of EK and SRK, which only who knows the owner's password is told."""
    for key in (EK, SRK):
        print(TPM(address).owner_reads(key, secret_of(owner)))


def fill(address, srk, file):
    """Puts into a TPM what a move must keep: PCRs, a loaded key, a session that was used. Notes it in the file."""
    import json

    tpm = TPM(address)
    for index in (0, 10, 16):
        tpm.command(0x14, b"", u32(index) + sha1(b"measured %d" % index))
    key, modulus = tpm.signing_key(secret_of(srk), KEY_SECRET)
    session = tpm.oiap()
    tpm.sign(key, sha1(b"before"), session, KEY_SECRET)
    noted = {"pcrs": [tpm.pcr(index) for index in range(24)], "key": key, "modulus": modulus}
    noted["session"] = session.kept()
    with open(file, "w") as notes:
        json.dump(noted, notes)


def same(address, file):
    """That what the file notes is in this TPM: the PCRs, and the key signs in the session that was left open."""
    import json

    tpm = TPM(address)
    with open(file) as notes:
        noted = json.load(notes)
    if noted["pcrs"] != [tpm.pcr(index) for index in range(24)]:
        fail("the PCRs are others")
    session = Session(noted["session"]["handle"], bytes.fromhex(noted["session"]["even"]))
    signature = tpm.sign(noted["key"], sha1(b"after"), session, KEY_SECRET)
    encoded = pow(int.from_bytes(signature, "big"), 65537, int(noted["modulus"], 16)).to_bytes(128, "big")
    info = bytes.fromhex("3021300906052b0e03021a05000414") + sha1(b"after")
    if encoded != b"\x00\x01" + b"\xff" * (128 - 3 - len(info)) + b"\x00" + info:
        fail("the signature is not the key's")


def pcrs(address, *indices):
    for index in indices:
        print(TPM(address).pcr(int(index)))


def flags(address):
    """Some of TPM_PERMANENT_FLAGS (Part 2, 7.1) in one line, of TPM_STCLEAR_FLAGS (7.2) in another."""
    tpm = TPM(address)
    permanent, volatile = tpm.capability(4, u32(0x108)), tpm.capability(4, u32(0x109))
    print("disabled=%d deactivated=%d nvlocked=%d" % (permanent[2], permanent[4], permanent[17]))
    print("deactivated=%d presence=%d lock=%d" % (volatile[2], volatile[4], volatile[5]))


VERBS = {
    "send": send,
    "split": split,
    "hand-over": hand_over,
    "connected": connected,
    "connected-data": connected_data,
    "accepting": accepting,
    "garbage": garbage,
    "certificates": certificates,
    "owned": owned,
    "fill": fill,
    "same": same,
    "pcrs": pcrs,
    "flags": flags,
}

VERBS[sys.argv[1]](*sys.argv[2:])
