/**
 * The program between the guest and a command. The guest waits until a new process has taken on its program. If that process
 * were the user of commands by then, a command could stop it in between, and with it the guest and all that the guest
 * does. So the guest starts this one, as itself; it becomes the user of commands, and then what was asked for, while nobody
 * waits.
 *
 * It has to run in every image, within a fraction of a millisecond, so it is a few system calls in machine code. Its arguments
 * are the path of a program and the argument vector of that. As the C library does, it hands a file that the kernel does not
 * know to the shell. What fails is told on descriptor 3, as one byte (errno); the program does not inherit that.
 *
 * The sources are `starter/<architecture>.S`. To see that they are what stands here: assemble one (`as`, for riscv64 with
 * `-mno-relax`, then `ld -Ttext=0x400078`), take its `.text` (`objcopy -O binary -j .text`) and encode it (base64).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** On which the starter says what failed. */
export const STARTER_STATUS = 3;

interface Machine {
  /** In the header of an ELF file. */
  readonly number: number;
  readonly code: string;
}

/** The number of the user follows the code. */
const MACHINES: Readonly<Record<string, Machine>> = {
  x64: {
    number: 62,
    code:
      'vwMAAAC+AgAAALoBAAAAuEgAAAAPBYs9dgAAAIn+ifq4dQAAAA8FhcB1PEiLBCRIi3wkEEiNdCQYSI1UxBC4OwAAAA8Fg/j4' +
      'dR1Ii0QkEEiJRCQYSI09LwAAAEiNdCQQuDsAAAAPBffYUL8DAAAASInmugEAAAC4AQAAAA8Fv38AAAC45wAAAA8FL2Jpbi9z' +
      'aAA=',
  },
  arm64: {
    number: 183,
    code:
      'YACA0kEAgNIiAIDSKAOA0gEAANQgBAAY4QMAKuIDACpoEoDSAQAA1AACALXpA0D54AtA+eFjAJHiQwCRQgwJi6gbgNIBAADU' +
      'HyAAseEAAFTjC0D54w8A+cABABDhQwCRqBuA0gEAANTgAwDL4A8f+GAAgNLhAwCRIgCA0ggIgNIBAADU4A+A0sgLgNIBAADU' +
      'L2Jpbi9zaAA=',
  },
  riscv64: {
    number: 243,
    code:
      'EwUwAJMFIAATBhAAkwiQAXMAAACXBgAAA6VGCZMFBQATBgUAkwgwCXMAAABjFAUEgzIBAAM1AQGTBYEBk5IyABMGAQEzBlYA' +
      'kwjQDXMAAAATA4D/YxBlAoMyAQEjPFEAFwUAABMFBQSTBQEBkwjQDXMAAAAzBaBAEwEB/yMwoQATBTAAkwUBABMGEACTCAAE' +
      'cwAAABMF8AeTCOAFcwAAAC9iaW4vc2gA',
  },
};

const LOADED_AT = 0x40_0000;
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const CODE_AT = ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES;

/** Writes the program that becomes this user; returns its path. For the guest alone. */
export const writeStarter = (folder: string, uid: number): string => {
  const machine = MACHINES[process.arch];
  if (machine === undefined)
    throw new TypeError(`commands cannot be another user than the guest on ${process.arch}`);
  const path = join(folder, 'starter');
  writeFileSync(path, programOf(machine, uid), { mode: 0o700 });
  return path;
};

const programOf = ({ number, code }: Machine, uid: number): Buffer => {
  const user = Buffer.alloc(4);
  user.writeUInt32LE(uid);
  const body = Buffer.concat([Buffer.from(code, 'base64'), user]);
  return Buffer.concat([elfHeader(number), programHeader(CODE_AT + body.length), body]);
};

/** 64 bits, little endian, an executable for Linux with one program header. */
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
  header.writeUInt16LE(1, 56);
  return header;
};

/** The whole file, to be read and executed. */
const programHeader = (fileBytes: number): Buffer => {
  const header = Buffer.alloc(PROGRAM_HEADER_BYTES);
  header.writeUInt32LE(1, 0);
  header.writeUInt32LE(5, 4);
  header.writeBigUInt64LE(BigInt(LOADED_AT), 16);
  header.writeBigUInt64LE(BigInt(LOADED_AT), 24);
  header.writeBigUInt64LE(BigInt(fileBytes), 32);
  header.writeBigUInt64LE(BigInt(fileBytes), 40);
  header.writeBigUInt64LE(4096n, 48);
  return header;
};
