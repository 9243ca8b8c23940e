/**
 * Ports of this machine that lead into a sandbox, for as long as the command runs. They listen on 127.0.0.1 only;
 * whatever connects to one gets a connection of its own to the port inside.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { fail } from '@berth/contract';
import { type Client, connectPort, createClient, type PortInput } from '@berth/sdk/node';
import type { Context } from './command.ts';
import { httpAddress } from './connection.ts';

interface Forward extends PortInput {
  /** On this machine; any free port when 0. */
  readonly localPort: number;
}

const HOST = '127.0.0.1';
const PAIR = /^(?:(?<local>\d{1,5}):)?(?<port>\d{1,5})$/;
const MAX_PORT = 65_535;

export const forwardPorts = async (
  context: Context,
  id: string,
  pairs: readonly string[],
): Promise<number> => {
  const { client, output, connection, world } = context;
  const wanted = pairs.map((pair) => forwardOf(id, pair));
  const { state } = await client.sandboxes.get({ id });
  if (state !== 'running') throw fail('sandbox.not_running', { id, state });
  const address = await httpAddress(context);
  const inside = createClient({ address, token: connection.token });
  const asked = Promise.withResolvers<void>();
  const forget = world.onInterrupt(() => asked.resolve());
  const open = new Set<Socket>();
  const servers: Server[] = [];
  try {
    for (const one of wanted) {
      const server = await listen(one, (local) => {
        open.add(local);
        local.once('close', () => open.delete(local));
        join(inside, one, local).catch((error: Error) => void world.stderr.write(`${error.message}\n`));
      });
      servers.push(server);
      const { port: localPort } = server.address() as AddressInfo;
      if (output.isJson) output.json({ id, port: one.port, address: `http://${HOST}:${localPort}` });
      else output.line(`http://${HOST}:${localPort} leads to port ${one.port} of ${id}`);
    }
    await asked.promise;
  } finally {
    forget();
    for (const server of servers) server.close();
    for (const local of open) local.destroy();
  }
  return 0;
};

/** `3000`, `8000:3000`, or `0:3000` for any free port. */
const forwardOf = (id: string, pair: string): Forward => {
  const { local, port } = PAIR.exec(pair)?.groups ?? {};
  const [localPort, inside] = [Number(local ?? port), Number(port)];
  if (inside >= 1 && inside <= MAX_PORT && localPort <= MAX_PORT) return { id, port: inside, localPort };
  throw invalid(`"${pair}" must be a port, such as 3000, or a port here and one inside, such as 8000:3000`);
};

const listen = async ({ localPort, port }: Forward, accept: (local: Socket) => void): Promise<Server> => {
  const server = createServer({ allowHalfOpen: true }, accept);
  try {
    await once(server.listen(localPort, HOST), 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const why = code === 'EACCES' ? 'is reserved for the administrator' : 'is in use';
    throw invalid(`port ${localPort} of this machine ${why}; name another, or any free one: 0:${port}`);
  }
  return server;
};

const join = async (client: Client, input: PortInput, local: Socket): Promise<void> => {
  // Who disconnects early is not worth a message; `pipeline` sees it.
  local.on('error', () => undefined);
  try {
    const { readable, writable } = await connectPort(client, input);
    await Promise.allSettled([
      pipeline(local, Writable.fromWeb(writable)),
      // One class, which Node and browsers declare differently.
      pipeline(Readable.fromWeb(readable as NodeReadableStream<Uint8Array>), local),
    ]);
  } finally {
    local.destroy();
  }
};

const invalid = (message: string) => fail('request.invalid', { issues: [{ path: 'ports', message }] });
