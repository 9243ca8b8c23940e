/**
 * An allow-list of one host, attacked by programs in a sandbox of the real server: whatever is said to the proxy and to
 * `berth.internal`, that host alone is reached, and of its requests only those that mean it.
 */
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWorld, type SystemWorld } from './server.ts';

const REACHED = 'reached the outside';
const stack = new AsyncDisposableStack();
const requests: string[] = [];
let world: SystemWorld;
let id: string;
/** Of the host that is allowed, and of another program of this machine. */
let port: number;
let other: number;
let visitors = 0;

const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, resolve));
  stack.defer(async () => void server.close());
  return (server.address() as AddressInfo).port;
};

beforeAll(async () => {
  const allowed = createServer(async (request, response) => {
    let length = 0;
    for await (const part of request) length += part.length;
    requests.push(`${request.method} ${request.headers.host} ${request.url} ${length}`);
    response.end(REACHED);
  });
  // Whoever is let through may see that a request goes on as another protocol.
  allowed.on('upgrade', (_request, socket) => socket.end(REACHED));
  port = await listening(allowed);
  other = await listening(
    createTcp((socket) => {
      visitors += 1;
      socket.on('error', () => undefined).end(REACHED);
    }),
  );
  // The user's own configuration vouches for this host, or nothing on the loopback could be reached at all.
  world = await createWorld({ env: { npm_config_registry: `http://localhost:${port}/` } });
  stack.defer(() => world.end());
  const egress = {
    preset: 'custom' as const,
    allow: ['packages', `localhost:${other}`, '*.localhost', '127.0.0.1'],
  };
  ({ id } = await world.client.sandboxes.create({ egress }));
}, 120_000);
afterAll(() => stack.disposeAsync(), 120_000);

/** Says each of them on a connection of its own, in two parts where a tunnel has to open first; returns the answers. */
const SAY = `
  const net = require('node:net');
  const say = ([to, first, then]) => new Promise((resolve) => {
    const socket = net.connect(to, '127.0.0.1');
    let heard = '';
    const end = () => { socket.destroy(); resolve(heard); };
    socket.setTimeout(1500, end).on('error', end).on('close', end).on('data', (bytes) => {
      if (heard === '' && then !== null && String(bytes).startsWith('HTTP/1.1 200')) socket.write(Buffer.from(then, 'latin1'));
      heard += bytes;
    });
    socket.write(Buffer.from(first, 'latin1'));
  });
  Promise.all(JSON.parse(process.argv[1]).map(say)).then((all) => console.log(JSON.stringify(all)));`;

const PROXY = 3128;
const INTERNAL = 80;
type Say = readonly [to: number, first: string, then?: string];

const answersTo = async (all: readonly Say[]): Promise<readonly string[]> => {
  const words = JSON.stringify(all.map(([to, first, then]) => [to, first, then ?? null]));
  const { stdout, stderr } = await world.client.sandboxes.exec({ id, argv: ['node', '-e', SAY, words] });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as string[];
};

const request = (target: string, host: string, more = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
const open = (authority: string): string => request(authority, authority).replace('GET', 'CONNECT');

test('the host that is allowed is reached, in a tunnel and by its address', async () => {
  const host = `localhost:${port}`;
  const all = await answersTo([
    [PROXY, open(host), request('/tunnel', host)],
    [PROXY, open(host.toUpperCase()), request('/tunnel', host)],
    [PROXY, request(`http://${host}/plain`, host)],
  ]);
  for (const answer of all) expect(answer).toContain(REACHED);
  expect(requests.splice(0).sort()).toEqual(
    [`GET ${host} /plain 0`, `GET ${host} /tunnel 0`, `GET ${host} /tunnel 0`].sort(),
  );
}, 60_000);

test('no other spelling, address, port or scheme reaches anything', async () => {
  const api = new URL(world.address).port;
  const model = new URL(world.model.url).port;
  const names = ['127.0.0.1', '127.1', '0.0.0.0', '2130706433', '0x7f.1', '0177.0.0.1', '[::1]', '[::]'];
  names.push(
    '[::ffff:127.0.0.1]',
    '[0:0:0:0:0:0:0:1]',
    '[::1%25lo]',
    'localhost.',
    'localhost..',
    'x@localhost',
    'localhost%00',
  );
  names.push(
    'localhost%2e',
    'localhost\0',
    'localh\xf3st',
    'xn--localhost-',
    'a.localhost',
    'berth.internal',
    '*',
    '',
  );
  const authorities = names.flatMap((name) => [`${name}:${port}`, `${name}:80`]);
  authorities.push(
    ...['localhost', 'a.localhost', '127.0.0.1'].flatMap((name) =>
      [api, model, other, 80, 443, 22].map((p) => `${name}:${p}`),
    ),
  );
  authorities.push(
    `localhost:${port}:80`,
    `localhost:0${port}`,
    `localhost:${port + 65_536}`,
    `localhost:${port}@127.0.0.1:${other}`,
  );
  const all = await answersTo([
    ...authorities.map((one): Say => [PROXY, open(one), request('/odd', `localhost:${port}`)]),
    ...authorities.map((one): Say => [PROXY, request(`http://${one}/odd`, `localhost:${port}`)]),
    ...['https', 'ftp', 'ws', 'file'].map(
      (scheme): Say => [PROXY, request(`${scheme}://localhost:${port}/odd`, 'x')],
    ),
    [PROXY, request(`//localhost:${port}/odd`, `localhost:${port}`)],
    [PROXY, request('/odd', `localhost:${port}`)],
  ]);
  const reached = all.flatMap((answer, index) => (answer.includes(REACHED) ? [index] : []));
  // What an address says beside its host is read before anything is decided.
  const plain = [`x@localhost:${port}`, `localhost:0${port}`].map(
    (one) => authorities.length + authorities.indexOf(one),
  );
  expect(
    reached.filter((index) => !plain.includes(index)).map((index) => authorities[index % authorities.length]),
  ).toEqual([]);
  expect(requests.splice(0).every((line) => line.startsWith(`GET localhost:${port} `))).toBe(true);
  expect(visitors).toBe(0);
}, 60_000);

test('on a connection to it nothing is said that means another', async () => {
  const host = `localhost:${port}`;
  const evil = request('/evil', 'evil.test');
  const length = (body: string): string => `Content-Length: ${body.length}\r\n`;
  const chunked = `Transfer-Encoding: chunked\r\n`;
  const chunk = `${evil.length.toString(16)}\r\n${evil}\r\n0\r\n\r\n`;
  const address = `http://${host}/fine`;
  const all = await answersTo([
    // In a tunnel.
    ...[
      evil,
      request('/fine', host) + evil,
      request('/evil', host, 'Host: evil.test\r\n'),
      request('http://evil.test/evil', host),
      request('/evil', host, 'Upgrade: websocket\r\nConnection: Upgrade\r\n'),
      request('/evil', host, `${length('')}${chunked}`) + chunk,
      request('/evil', host, ' evil: folded\r\n'),
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      `get /evil HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      `GET /evil\r\n`,
      '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00',
      '\x80\x2e\x01\x00\x02',
      '\x05\x01\x00',
    ].map((then): Say => [PROXY, open(host), then]),
    // By its address.
    [PROXY, request(address, host, chunked) + chunk],
    [PROXY, request(address, host, length(evil)) + evil],
    [PROXY, request(address, host, `${length(evil)}Connection: content-length\r\n`) + evil],
    [PROXY, request(address, 'evil.test')],
    [PROXY, request(address, host, 'Upgrade: websocket\r\nConnection: Upgrade\r\n')],
    [PROXY, request(address, host) + request(`http://127.0.0.1:${other}/evil`, 'evil.test')],
  ]);
  expect(all).toHaveLength(19);
  // What the test before this one said may come late.
  const seen = requests.splice(0).filter((line) => !line.includes(' /odd '));
  expect(seen.filter((line) => line.includes('evil'))).toEqual([]);
  for (const line of seen) expect(line).toMatch(new RegExp(`^GET ${host} /fine (0|${evil.length})$`));
  expect(visitors).toBe(0);
}, 60_000);

test('git and models answer nobody without a token, and nothing else of the server is there', async () => {
  const paths = ['/git/', '/git/ws_1/repo.git/info/refs?service=git-upload-pack', '/models/openai/v1/models'];
  paths.push(
    '/',
    '/v1/tasks',
    '/git/../v1/tasks',
    '/models/..%2f..%2fv1/tasks',
    '/git/%2e%2e/v1/system',
    '//v1/tasks',
  );
  const hosts = [
    'berth.internal',
    '127.0.0.1',
    'localhost',
    'evil.test',
    'berth.internal.',
    'BERTH.INTERNAL:81',
  ];
  const all = await answersTo([
    ...hosts.flatMap((host) =>
      paths.map((path): Say => [INTERNAL, request(path, host, 'Connection: close\r\n')]),
    ),
    ...paths.map(
      (path): Say => [PROXY, request(`http://berth.internal${path}`, 'x', 'Connection: close\r\n')],
    ),
    ...paths.map((path): Say => [INTERNAL, request(`http://localhost:${port}${path}`, 'berth.internal')]),
    [PROXY, open('berth.internal:80'), request('/v1/tasks', 'berth.internal')],
  ]);
  for (const answer of all) expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
  expect(requests.filter((line) => !/ \/(odd|fine) /.test(line))).toEqual([]);
}, 60_000);
