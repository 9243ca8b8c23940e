/**
 * The listener: a Unix socket in a folder that the host shares with the machine. Each connection starts with a line
 * from the server that states its purpose.
 */
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import {
  ACCEPTED,
  type ConnectionPurpose,
  GUEST_LIMITS,
  GUEST_VERSION,
  MAX_PREFACE_BYTES,
  PREFACE,
  REFUSED_PREFIX,
} from '@berth/contract/guest';

export type Welcome = Readonly<Record<ConnectionPurpose, (socket: Socket) => Promise<void>>>;

/** Listens, replacing a socket file left by an earlier guest. Resolves when connections succeed. */
export const openListener = async (path: string, welcome: Welcome): Promise<Server> => {
  rmSync(path, { force: true });
  const server = createServer((socket) => greet(socket, welcome));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(path, resolve);
  await promise;
  return server;
};

const greet = (socket: Socket, welcome: Welcome): void => {
  socket.on('error', () => socket.destroy());
  const timer = setTimeout(() => socket.destroy(), GUEST_LIMITS.prefaceMs);
  readLine(socket, (line) => {
    clearTimeout(timer);
    const purpose = purposeOf(line);
    if (purpose === undefined) return refuse(socket, line);
    socket.write(ACCEPTED);
    welcome[purpose](socket).catch(() => socket.destroy());
  });
};

const purposeOf = (line: string): ConnectionPurpose | undefined =>
  line === PREFACE.control ? 'control' : line === PREFACE.uplink ? 'uplink' : undefined;

const refuse = (socket: Socket, line: string): void => {
  const said = JSON.stringify(line.slice(0, 60));
  socket.end(`${REFUSED_PREFIX}this guest speaks BERTH/${GUEST_VERSION}, not ${said}\n`);
};

/** Reads byte by byte up to the line feed, so that the rest stays in the socket for HTTP/2. */
const readLine = (socket: Socket, done: (line: string) => void): void => {
  let line = '';
  const take = (): void => {
    for (;;) {
      const byte: Buffer | null = socket.read(1);
      if (byte === null) return;
      line += byte.toString('latin1');
      if (!line.endsWith('\n') && line.length < MAX_PREFACE_BYTES) continue;
      socket.off('readable', take);
      done(line);
      return;
    }
  };
  socket.on('readable', take);
};
