/**
 * The program between the guest and a command. Spawn blocks until the new process has exec'd. If that process already
 * ran as the user of commands, a command could stop it in between, and so block the guest. So the guest spawns this
 * program as itself; it switches to the user of commands and then execs the command, while nothing blocks on it.
 *
 * It has to run in every image, within a fraction of a millisecond, so it is a few system calls in machine code. It
 * reads its command from descriptor 3 (start-block.ts), which the program does not inherit. It answers there with a
 * zero byte when it has read all of it, with another when it has done everything but exec a held program, for which
 * it then reads one byte, and with the error (errno, one byte) of a failed call. When the guest ends while it reads,
 * it ends.
 *
 * With arguments (a program's path and its argument vector) it reads nothing and execs that immediately. Like the C
 * library, it passes a file in an unknown format to the shell.
 *
 * The sources are `starter/<architecture>.S`. To verify that they match: assemble one (`as`, for riscv64 with
 * `-mno-relax`, then `ld -Ttext=0x4000b0`), take its `.text` (`objcopy -O binary -j .text`) and encode it (base64).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BLOCK_AT, BLOCK_BYTES } from './start-block.ts';

/** On which the starter reads its command and reports the result. */
export const STARTER_CONTROL = 3;

interface Machine {
  /** In the header of an ELF file. */
  readonly number: number;
  readonly code: string;
}

/** The uid follows the code. */
const MACHINES: Readonly<Record<string, Machine>> = {
  x64: {
    number: 62,
    code:
      'vwMAAAC+AgAAALoBAAAAuEgAAAAPBUiLBCRIjVwkEEiNbMQQRTHkSIP4AXdSQb4AAAAQQb8IAAAAvwMAAABLjTQmTIn6TCniMcAP' +
      'BUiFwA+O4wAAAEkBxE05/HLcTYs+TTn8ctS4AQAAAOjVAAAASY1eIE2LZghNi24QSYtuGIs95AAAAIn+ifq4dQAAAA8FhcAPhYkA' +
      'AABB9sQBdCIx/7gDAAAADwW/nP///0iNNaoAAAAx0rgBAQAADwWFwHVhQfbEAnQOTInvuFAAAAAPBYXAdU1B9sQEdBa4AQAAAOhg' +
      'AAAAMcDoWQAAAIP4AXVISIs7SI1zCEiJ6rg7AAAADwWD+Ph1G0iLA0iJQwhIjT1BAAAASIneSInquDsAAAAPBffYUL8DAAAASInm' +
      'ugEAAAC4AQAAAA8Fv38AAAC45wAAAA8FvwMAAABJjXYHugEAAAAPBcMvYmluL3NoAC9kZXYvbnVsbAAAAA==',
  },
  arm64: {
    number: 183,
    code:
      'YACA0kEAgNIiAIDSKAOA0gEAANTpA0D580MAkXQOCYsVAIDSPwUA8agCAFQXAKLSGAGA0mAAgNLhAhWLAgMVy+gHgNIBAADUHwAA' +
      '8a0HAFS1AgCLvwIY6+P+/1T4AkD5vwIY64P+/1QICIDSOAAAlPOCAJH12kCp9A5A+cAHABjhAwAq4gMAKmgSgNIBAADUoAQAtVUB' +
      'ADYAAIDSKAeA0gEAANRgDICSAQYAEAIAgNIIB4DSAQAA1GADALW1AAg24AMWqigGgNIBAADUwAIAtfUAEDYICIDSHQAAlOgHgNIb' +
      'AACUHwQA8cECAFRgAkD5YSIAkeIDFKqoG4DSAQAA1B8gALEBAQBUYwJA+WMGAPmAAgAQ4QMTquIDFKqoG4DSAQAA1OADAMvgDx/4' +
      'YACA0uEDAJEiAIDSCAiA0gEAANTgD4DSyAuA0gEAANRgAIDS4R4AkSIAgNIBAADUwANf1i9iaW4vc2gAL2Rldi9udWxsAAAA',
  },
  riscv64: {
    number: 243,
    code:
      'EwUwAJMFIAATBhAAkwiQAXMAAACDMgEAEwQBAROTMgCzBGQAEwkAABMDEABjZlMENwoAEJMKgAATBTAAswUqATOGKkGTCPADcwAA' +
      'AGNWoBAzCakA42JZ/4M6CgDjbln9kwgABO8AABATBAoCAzmKAIM5CgGDNIoBlwYAAAOlRhGTBQUAEwYFAJMIMAlzAAAAYxQFCpNy' +
      'GQBjhgICEwUAAJMIkANzAAAAEwXA+ZcFAACThUUNEwYAAJMIgANzAAAAYxwFBpNyKQBjigIAE4UJAJMIEANzAAAAYxAFBpNySQBj' +
      'jgIAkwgABO8AwAeTCPAD7wBAB5MCEABjEFUGAzUEAJMFhAAThgQAkwjQDXMAAAATA4D/YxJlAoMyBAAjNFQAFwUAABMFhQWTBQQA' +
      'E4YEAJMI0A1zAAAAMwWgQBMBAf8jMKEAEwUwAJMFAQATBhAAkwgABHMAAAATBfAHkwjgBXMAAAATBTAAkwV6ABMGEABzAAAAZ4AA' +
      'AC9iaW4vc2gAL2Rldi9udWxsAAAA',
  },
};

const LOADED_AT = 0x40_0000;
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const CODE_AT = ELF_HEADER_BYTES + 2 * PROGRAM_HEADER_BYTES;
const READ_AND_EXECUTE = 5;
const READ_AND_WRITE = 6;
/** For `setresuid`: unchanged. */
const SAME_USER = 0xffff_ffff;

/** Writes the program that switches to this user, or keeps its caller's; returns its path. For the guest alone. */
export const writeStarter = (folder: string, uid = SAME_USER): string => {
  const machine = MACHINES[process.arch];
  if (machine === undefined) throw new TypeError(`commands cannot be started on ${process.arch}`);
  const path = join(folder, 'starter');
  writeFileSync(path, programOf(machine, uid), { mode: 0o700 });
  return path;
};

const programOf = ({ number, code }: Machine, uid: number): Buffer => {
  const user = Buffer.alloc(4);
  user.writeUInt32LE(uid);
  const body = Buffer.concat([Buffer.from(code, 'base64'), user]);
  const fileBytes = CODE_AT + body.length;
  return Buffer.concat([
    elfHeader(number),
    programHeader({ at: LOADED_AT, rights: READ_AND_EXECUTE, fileBytes, memoryBytes: fileBytes }),
    programHeader({ at: BLOCK_AT, rights: READ_AND_WRITE, fileBytes: 0, memoryBytes: BLOCK_BYTES }),
    body,
  ]);
};

/** 64 bits, little endian, an executable for Linux with two program headers. */
const elfHeader = (machine: number): Buffer => {
  const header = Buffer.alloc(ELF_HEADER_BYTES);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(LOADED_AT + CODE_AT), 24);
  header.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32);
  header.writeUInt16LE(ELF_HEADER_BYTES, 52);
  header.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  header.writeUInt16LE(2, 56);
  return header;
};

interface Segment {
  readonly at: number;
  readonly rights: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
}

/** Offset from the start of the file. */
const programHeader = ({ at, rights, fileBytes, memoryBytes }: Segment): Buffer => {
  const header = Buffer.alloc(PROGRAM_HEADER_BYTES);
  header.writeUInt32LE(1, 0);
  header.writeUInt32LE(rights, 4);
  header.writeBigUInt64LE(BigInt(at), 16);
  header.writeBigUInt64LE(BigInt(at), 24);
  header.writeBigUInt64LE(BigInt(fileBytes), 32);
  header.writeBigUInt64LE(BigInt(memoryBytes), 40);
  header.writeBigUInt64LE(4096n, 48);
  return header;
};
