/** The egress on the loopback, for tests: programs that ask for a connection, servers that answer, a scripted resolver. */
import { once } from 'node:events';
import * as http2 from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import type { EgressPolicy } from '@berth/contract';
import type { ConnectionFact, EgressLimits } from '../../src/gateway/egress/admission.ts';
import { createEgress } from '../../src/gateway/egress/egress.ts';
import type { Registry } from '../../src/gateway/egress/policy.ts';

export interface World {
  policy: EgressPolicy | undefined;
  during: 'setup' | 'work';
  registries: Registry[];
  names: Record<string, readonly string[]>;
  /** Addresses of the server's machine. */
  own: string[];
}

export const portOf = (server: Pick<Server, 'address'>): number => (server.address() as AddressInfo).port;

/** TLS by a key that both know: the handshake and its server name are real, and no certificate is needed. */
const PSK = { ciphers: 'PSK', maxVersion: 'TLSv1.2' as const };
const psk = Buffer.from('0123456789abcdef');

export const listenTls = async (answer: string): Promise<tls.Server> => {
  const server = tls.createServer({ ...PSK, pskCallback: () => psk, pskIdentityHint: '' }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(answer);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
};

export const speakTls = (socket: Socket, servername?: string): tls.TLSSocket =>
  tls.connect({
    socket,
    ...PSK,
    ...(servername === undefined ? {} : { servername }),
    pskCallback: () => ({ psk, identity: 'x' }),
    checkServerIdentity: () => undefined,
  });

/** The ClientHello that Node itself sends, in one record, with what is added to its extensions. */
export const helloOf = async (
  servername: string,
  extensions: readonly (readonly [type: number, content: Buffer])[] = [],
): Promise<Buffer> => {
  const sent = Promise.withResolvers<Buffer>();
  const wire = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      sent.resolve(chunk);
      done();
    },
  });
  const client = tls.connect({ socket: wire, servername, rejectUnauthorized: false });
  client.on('error', () => client.destroy());
  const hello = await sent.promise;
  const gone = once(client, 'close');
  client.destroy();
  await gone;
  return extended(
    hello,
    Buffer.concat(extensions.flatMap(([type, content]) => [u16(type), u16(content.length), content])),
  );
};

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);

/** The record's, the message's and the extensions' lengths grow with what is added. */
const extended = (hello: Buffer, more: Buffer): Buffer => {
  const longer = Buffer.concat([hello, more]);
  const grow = (at: number): void => void longer.writeUInt16BE(longer.readUInt16BE(at) + more.length, at);
  const afterId = 44 + longer.readUInt8(43);
  const afterSuites = afterId + 2 + longer.readUInt16BE(afterId);
  for (const at of [3, 7, afterSuites + 1 + longer.readUInt8(afterSuites)]) grow(at);
  return longer;
};

export const textOf = async (stream: AsyncIterable<Buffer>): Promise<string> => {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
};

export const createWorld = async (limits: Partial<EgressLimits> = {}) => {
  const world: World = { policy: { preset: 'packages' }, during: 'work', registries: [], names: {}, own: [] };
  const facts: ConnectionFact[] = [];
  const lookups: string[] = [];
  const egress = createEgress({
    ruleOf: async () => world.policy && { policy: world.policy, during: world.during },
    get registries() {
      return world.registries;
    },
    record: (fact) => facts.push(fact),
    lookup: async (host) => {
      lookups.push(host);
      const answers = world.names[host];
      if (answers === undefined) throw new Error('no such name');
      return answers;
    },
    ownAddresses: () => world.own,
    log: (message, { cause }) => facts.push({ key: {}, reason: `${message} ${cause}` } as ConnectionFact),
    limits,
  });
  // As an HTTP/2 stream can, a program may end its side and still read.
  const inside = createServer({ allowHalfOpen: true });
  inside.listen(0, '127.0.0.1');
  await once(inside, 'listening');
  const requests = http2.createServer((request, response) => egress.onRequest(request, response, 'sb_1'));
  requests.listen(0, '127.0.0.1');
  await once(requests, 'listening');

  /** What a program inside does with CONNECT: a socket, or the refusal. */
  const ask = async (host: string, port: number): Promise<Socket | { status: number; message: string }> => {
    const taken = once(inside, 'connection');
    const client = connect(portOf(inside), '127.0.0.1');
    client.on('error', () => client.destroy());
    const [far] = (await taken) as [Socket];
    far.on('error', () => far.destroy());
    return new Promise((resolve) => {
      egress.onConnect(
        { host, port, sandboxId: 'sb_1' },
        () => {
          resolve(client);
          return far;
        },
        (status, message) => {
          far.destroy();
          resolve({ status, message });
        },
      );
    });
  };

  /** A request with an absolute http address. */
  const get = async (authority: string, headers: Record<string, string> = {}, body = '') => {
    const session = http2.connect(`http://127.0.0.1:${portOf(requests)}`);
    session.on('error', () => session.destroy());
    const stream = session.request(
      {
        ':path': '/x?y=1',
        ':authority': authority,
        ':scheme': 'http',
        ...headers,
      },
      { endStream: false },
    );
    stream.end(body);
    const [answer] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    const text = await textOf(stream);
    session.close();
    return { status: Number(answer[':status']), text };
  };

  const end = async (): Promise<void> => {
    inside.close();
    requests.close();
  };
  return { world, facts, lookups, ask, get, end, last: () => facts.at(-1) };
};
