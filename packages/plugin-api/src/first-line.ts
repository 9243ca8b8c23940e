/** The line that both ends of the guest channel begin with, read byte by byte: what follows is HTTP/2. */
import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';

/** With its newline. Rejects when the other side hangs up before. */
export const firstLine = (connection: Duplex): Promise<string> =>
  new Promise((resolve, reject) => {
    let line = '';
    const take = (): void => {
      for (let byte = connection.read(1); byte !== null; byte = connection.read(1)) {
        line += String(byte);
        if (!line.endsWith('\n')) continue;
        connection.off('readable', take);
        connection.off('close', hungUp);
        resolve(line);
        return;
      }
    };
    const hungUp = (): void => reject(new assert.AssertionError({ message: `hung up after "${line}"` }));
    connection.on('readable', take);
    connection.once('close', hungUp);
  });
