"""Seals and unseals with `vtpm test-tpm` over its socket: TPM 1.2 commands from the specification, with Python's
standard library and nothing else. Prints each check, and `N passed, M failed` at the end.

    testing.py VTPM
"""

import hashlib
import hmac
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

WELL_KNOWN = bytes(20)
OWNER = hashlib.sha1(b"owner").digest()
DATA_AUTH = hashlib.sha1(b"the test's own").digest()
SRK = 0x40000000

# Ordinals (Part 2, 17).
OIAP, OSAP, EXTEND, PCR_READ, SEAL, UNSEAL = 0x0A, 0x0B, 0x14, 0x15, 0x17, 0x18
GET_RANDOM, STARTUP, OWNER_CLEAR, GET_TICKS, GET_CAPABILITY = 0x46, 0x99, 0x5B, 0xF1, 0x65
# Return codes (Part 2, 16).
SUCCESS, AUTHFAIL, NOSPACE, WRONGPCRVAL, INVALID_POSTINIT, AUTH2FAIL, DEFEND_LOCK = 0, 1, 0x11, 0x18, 0x26, 0x1D, 0x803


def sha1(*parts):
    return hashlib.sha1(b"".join(parts)).digest()


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha1).digest()


class Refused(Exception):
    """The return code of an answer that is not TPM_SUCCESS."""

    def __init__(self, code):
        super().__init__(f"the TPM answered 0x{code:x}")
        self.code = code


class Session:
    """The caller's end of an authorization session (Part 1, 13)."""

    def __init__(self, handle, nonce_even, key):
        self.handle, self.nonce_even, self.key = handle, nonce_even, key


class TPM:
    """The commands of one client. Its nonces repeat from run to run."""

    def __init__(self, address, seed=1):
        kind, _, place = address.partition(":")
        if kind == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(60)
            self.socket.connect(place)
        else:
            host, _, port = place.rpartition(":")
            self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.random = random.Random(seed)

    def nonce(self):
        return self.random.randbytes(20)

    def transmit(self, command):
        self.socket.sendall(command)
        answer = b""
        while len(answer) < 10 or len(answer) < struct.unpack(">I", answer[2:6])[0]:
            part = self.socket.recv(4096)
            if not part:
                raise ConnectionError("the TPM hung up")
            answer += part
        return answer

    def execute(self, ordinal, handles=b"", parameters=b"", sessions=(), handles_out=0):
        """Sends a command, checks the HMACs of the answer, and gives its handles and its parameters."""
        digest = sha1(struct.pack(">I", ordinal), parameters)
        trailers, odds = b"", []
        for session in sessions:
            odd = self.nonce()
            odds.append(odd)
            trailers += struct.pack(">I", session.handle) + odd + b"\0"
            trailers += mac(session.key, digest, session.nonce_even, odd, b"\0")
        body = struct.pack(">I", ordinal) + handles + parameters + trailers
        answer = self.transmit(struct.pack(">HI", 0xC1 + len(sessions), 6 + len(body)) + body)
        tag, size, code = struct.unpack(">HII", answer[:10])
        if size != len(answer):
            raise AssertionError(f"an answer of {len(answer)} bytes says that it has {size}")
        if code != SUCCESS:
            if tag != 0xC4 or size != 10:
                raise AssertionError("a failure has ten bytes")
            raise Refused(code)
        if tag != 0xC4 + len(sessions):
            raise AssertionError(f"the tag of the answer is 0x{tag:x}")
        end = len(answer) - 41 * len(sessions)
        out = answer[10 + handles_out:end]
        digest = sha1(struct.pack(">II", 0, ordinal), out)
        for index, (session, odd) in enumerate(zip(sessions, odds)):
            trailer = answer[end + 41 * index:end + 41 * index + 41]
            even, goes_on, found = trailer[:20], trailer[20:21], trailer[21:]
            if not hmac.compare_digest(found, mac(session.key, digest, even, odd, goes_on)):
                raise AssertionError("the answer is not authentic")
        return answer[10:10 + handles_out], out

    def oiap(self, secret):
        _, out = self.execute(OIAP)
        return Session(struct.unpack(">I", out[:4])[0], out[4:], secret)

    def osap(self, entity, value, secret):
        odd = self.nonce()
        _, out = self.execute(OSAP, parameters=struct.pack(">HI", entity, value) + odd)
        handle, even, even_osap = struct.unpack(">I20s20s", out)
        return Session(handle, even, mac(secret, even_osap, odd))

    def extend(self, pcr, digest):
        return self.execute(EXTEND, parameters=struct.pack(">I", pcr) + digest)[1]

    def read(self, pcr):
        return self.execute(PCR_READ, parameters=struct.pack(">I", pcr))[1]

    def seal(self, data, auth, pcr_info=b""):
        session = self.osap(0x0004, SRK, WELL_KNOWN)
        hidden = bytes(a ^ b for a, b in zip(auth, sha1(session.key, session.nonce_even)))
        parameters = hidden + struct.pack(">I", len(pcr_info)) + pcr_info + struct.pack(">I", len(data)) + data
        return self.execute(SEAL, struct.pack(">I", SRK), parameters, [session])[1]

    def unseal(self, blob, auth):
        sessions = [self.oiap(WELL_KNOWN), self.oiap(auth)]
        _, out = self.execute(UNSEAL, struct.pack(">I", SRK), blob, sessions)
        size = struct.unpack(">I", out[:4])[0]
        if size != len(out) - 4:
            raise AssertionError("secretSize is not the size of the secret")
        return out[4:]

    def pcr_info(self, pcr):
        """A TPM_PCR_INFO for a register as it is now (Part 2, 8.3)."""
        select = bytearray(3)
        select[pcr // 8] = 1 << pcr % 8
        selection = struct.pack(">H", 3) + bytes(select)
        digest = sha1(selection, struct.pack(">I", 20), self.read(pcr))
        return selection + digest + bytes(20)

    def has_owner(self):
        parameters = struct.pack(">III", 0x05, 4, 0x111)
        return self.execute(GET_CAPABILITY, parameters=parameters)[1][4:] == b"\1"


class Emulator:
    """`vtpm test-tpm` as a child process."""

    def __init__(self, vtpm, *options):
        self.process = subprocess.Popen(
            [vtpm, "test-tpm", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.status = self.process.wait(60)
        self.process.stdin.close()
        self.process.stdout.close()

    def tell(self, words):
        """Has something happen to the TPM; gives the answer."""
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def that(self, what, holds):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok' if holds else 'FAILED'} {what}", flush=True)

    def refused(self, what, code, body):
        try:
            body()
            self.that(f"{what} (it succeeded)", False)
        except Refused as refusal:
            self.that(f"{what}{'' if refusal.code == code else f' ({refusal})'}", refusal.code == code)

    def lost(self, what, body):
        try:
            body()
            self.that(f"{what} (it was answered)", False)
        except ConnectionError:
            self.that(what, True)


def sealing(check, tpm):
    """Seals and unseals, with registers and wrong secrets; gives all the bytes that came."""
    secret = b"kept by a TPM"
    blob = tpm.seal(secret, DATA_AUTH)
    check.that("what was sealed is unsealed", tpm.unseal(blob, DATA_AUTH) == secret)
    check.refused("a wrong secret is refused", AUTH2FAIL, lambda: tpm.unseal(blob, OWNER))
    bound = tpm.seal(secret, DATA_AUTH, tpm.pcr_info(10))
    check.that("what was sealed to a register is unsealed", tpm.unseal(bound, DATA_AUTH) == secret)
    value = tpm.extend(10, sha1(b"another boot loader"))
    check.that("a register is extended", value == sha1(bytes(20), sha1(b"another boot loader")) == tpm.read(10))
    check.refused("a changed register keeps it sealed", WRONGPCRVAL, lambda: tpm.unseal(bound, DATA_AUTH))
    check.that("what is bound to no register is unsealed", tpm.unseal(blob, DATA_AUTH) == secret)
    damaged = blob[:-1] + bytes([blob[-1] ^ 1])
    try:
        tpm.unseal(damaged, DATA_AUTH)
        check.that("a damaged blob is refused", False)
    except Refused:
        check.that("a damaged blob is refused", True)
    return blob + bound + tpm.execute(GET_RANDOM, parameters=struct.pack(">I", 32))[1]


def faults(check, emulator):
    tpm = TPM(emulator.address)
    blob = tpm.seal(b"a", DATA_AUTH)
    check.that("the power goes when it is told", emulator.tell("power off") == "ok")
    check.lost("a TPM without power hangs up", lambda: tpm.read(0))
    check.that("the power comes", emulator.tell("power on") == "ok")
    tpm = TPM(emulator.address)
    check.refused("TPM_Startup has to follow", INVALID_POSTINIT, lambda: tpm.read(0))
    tpm.execute(STARTUP, parameters=struct.pack(">H", 1))
    check.that("what was sealed outlives the power", tpm.unseal(blob, DATA_AUTH) == b"a")

    clear = lambda: tpm.execute(OWNER_CLEAR, sessions=[tpm.oiap(OWNER)])
    emulator.tell("store fails 1 with 0x11")
    check.refused("a full disk is TPM_NOSPACE", NOSPACE, clear)
    check.that("and the command had no effect", tpm.has_owner())
    emulator.tell("store loses the power before write 1")
    check.lost("the power goes before the owner does", clear)
    emulator.tell("power cycle")
    tpm = TPM(emulator.address)
    check.that("so the owner is there", tpm.has_owner())
    emulator.tell("store loses the power after write 1")
    check.lost("the power goes after the owner did", clear)
    emulator.tell("power cycle")
    tpm = TPM(emulator.address)
    check.that("so the owner is gone", not tpm.has_owner())

    emulator.tell("random repeats")
    nonces = {tpm.oiap(WELL_KNOWN).nonce_even for _ in range(3)}
    check.that("a random source that repeats gives one nonce", len(nonces) == 1)
    emulator.tell("random works")
    check.that("and works again", tpm.oiap(WELL_KNOWN).nonce_even not in nonces)
    check.that("other words are an error", emulator.tell("boil").startswith("error line "))


def lockout(check, emulator):
    tpm = TPM(emulator.address)
    secret = lambda: tpm.unseal(tpm.seal(b"a", DATA_AUTH), DATA_AUTH)
    ticks = lambda: struct.unpack(">Q", tpm.execute(GET_TICKS)[1][2:10])[0]
    check.refused("a TPM that is locked out authorizes nobody", DEFEND_LOCK, secret)
    before = ticks()
    emulator.tell("clock 1.000000")
    check.that("the clock stands until it is turned", (before, ticks()) == (0, 1_000_000))
    check.that("and the lockout ends with it", secret() == b"a")


def trousers(check, emulator, folder):
    """Debian's TSS owns the TPM, seals and unseals."""
    port = free_port()
    config, sealed = os.path.join(folder, "tcsd.conf"), os.path.join(folder, "sealed")
    os.chmod(folder, 0o711)
    storage = os.path.join(folder, "tcsd")
    os.mkdir(storage)
    shutil.chown(storage, "tss", "tss")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"port = {port}\nsystem_ps_file = {storage}/system.data\n")
    shutil.chown(config, "root", "tss")
    os.chmod(config, 0o640)
    environment = dict(
        os.environ, TCSD_USE_TCP_DEVICE="1", TCSD_TCP_DEVICE_HOSTNAME="127.0.0.1",
        TCSD_TCP_DEVICE_PORT=emulator.address.rpartition(":")[2], TSS_TCSD_PORT=str(port), LC_ALL="C",
        HOME=folder, TSS_USER_PS_FILE=os.path.join(folder, "user.data"))

    def tool(*words, data=None):
        done = subprocess.run(words, env=environment, input=data, capture_output=True, timeout=60, check=False)
        if done.returncode:
            print((done.stdout + done.stderr).decode(errors="replace"))
        return done

    daemon = subprocess.Popen(
        ["tcsd", "-f", "-e", "-c", config], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if subprocess.run(["tpm_version"], env=environment, capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
        check.that("tpm_takeownership", tool("tpm_takeownership", "-y", "-z").returncode == 0)
        secret = b"kept by a TPM\n"
        done = tool("tpm_sealdata", "-z", "-o", sealed, data=secret)
        check.that("tpm_sealdata", done.returncode == 0 and os.path.exists(sealed))
        done = tool("tpm_unsealdata", "-z", "-i", sealed)
        check.that("tpm_unsealdata", done.returncode == 0 and done.stdout == secret)
    finally:
        daemon.kill()
        daemon.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def main(vtpm):
    check = Checks()
    with tempfile.TemporaryDirectory() as folder:
        path, record = os.path.join(folder, "tpm.sock"), os.path.join(folder, "session.txt")
        runs = []
        for address in [f"unix:{path}", "tcp:127.0.0.1:0"]:
            with Emulator(vtpm, "--seed", "python", "--listen", address, "--record", record) as emulator:
                check.that(f"the address is told: {emulator.address}", emulator.address.startswith(address[:9]))
                runs.append(sealing(check, TPM(emulator.address)))
            check.that("SIGTERM ends it with status 0", emulator.status == 0)
            with open(record, encoding="utf-8") as file:
                lines = file.read().splitlines()
            check.that("the session was recorded", lines[:3] == ["TPM session 1", 'seed "python"', "start owned"])
            check.that("to its end", lines[-1] == "end" and lines.count("command TPM_Seal") == 2)
            os.remove(record)
        check.that("the same seed gives the same bytes", runs[0] == runs[1])
        with Emulator(vtpm, "--seed", "another") as emulator:
            check.that("another seed gives others", sealing(check, TPM(emulator.address)) != runs[0])
        with Emulator(vtpm) as emulator:
            faults(check, emulator)
        with Emulator(vtpm, "--start", "owned,locked-out") as emulator:
            lockout(check, emulator)
        if shutil.which("tcsd") and shutil.which("tpm_sealdata"):
            with Emulator(vtpm, "--start", "endorsed") as emulator:
                trousers(check, emulator, folder)
    refused = subprocess.run([vtpm, "test-tpm", "--start", "nowhere"], capture_output=True, text=True, check=False)
    check.that("a start that is none is refused", refused.returncode == 64 and "nowhere" in refused.stderr)
    print(f"{check.passed} passed, {check.failed} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
