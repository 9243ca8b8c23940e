/**
 * Where log lines go. A terminal, a pipe or a journal takes care of itself; a file that is only ever appended to
 * (`server.log` of a server in the background) would eventually fill the disk. So it is restarted when it is full,
 * and the previous content is kept next to it as `<file>.1`, once.
 */
import { copyFileSync, fstatSync, ftruncateSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { type DestinationStream, pino } from 'pino';

const MAX_BYTES = 16 * 2 ** 20;
/** From open(2), in octal as /proc prints it: every write goes to the end, wherever that is by then. */
const O_APPEND = 0o2000;

export const boundedOutput = (fd: number, maxBytes = MAX_BYTES): DestinationStream => {
  const file = appendedFile(fd);
  if (file === undefined) return pino.destination({ fd, sync: true });
  return {
    write(line) {
      // Checked each time: our own children, and whoever manages the file, may have written or shortened it.
      if (fstatSync(fd).size + line.length > maxBytes) startOver(fd, file);
      writeSync(fd, line);
    },
  };
};

/** The path behind a descriptor, if it is a file opened for appending; the system reports it in /proc. */
const appendedFile = (fd: number): string | undefined => {
  try {
    if (!fstatSync(fd).isFile()) return undefined;
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0';
    if ((Number.parseInt(flags, 8) & O_APPEND) === 0) return undefined;
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
};

/** A log that cannot be kept is dropped in favour of newer lines: a full disk must not silence the server. */
const startOver = (fd: number, file: string): void => {
  try {
    copyFileSync(file, `${file}.1`);
  } catch (error) {
    writeSync(fd, `{"level":"warn","event":"log.not_kept","cause":${JSON.stringify(String(error))}}\n`);
  }
  ftruncateSync(fd, 0);
};
