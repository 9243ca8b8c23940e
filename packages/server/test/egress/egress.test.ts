import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createWorld, helloOf, listenTls, portOf, speakTls, textOf } from './world.ts';

let it: Awaited<ReturnType<typeof createWorld>>;
const closing: (() => void)[] = [];
beforeEach(async () => {
  it = await createWorld({
    helloTimeoutMs: 400,
    idleTimeoutMs: 400,
    dialTimeoutMs: 2000,
    connectionsPerSandbox: 3,
  });
});
afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await it.end();
});

/** A server behind the name, which the user's own configuration vouches for (it is on the loopback). */
const behind = async (
  host: string,
  server: { address(): ReturnType<Socket['address']> | string | null; close(): unknown },
) => {
  closing.push(() => server.close());
  const port = portOf(server as Parameters<typeof portOf>[0]);
  it.world.names[host] = ['127.0.0.1'];
  it.world.registries.push({ host, port, named: true });
  return port;
};

const tunnel = async (host: string, port: number): Promise<Socket> => {
  const socket = await it.ask(host, port);
  if ('status' in socket) throw new Error(socket.message);
  return socket;
};
const closed = async (socket: Socket | TLSSocket): Promise<string> =>
  textOf(socket).catch(() => 'broken off');
const ended = () => vi.waitFor(() => expect(it.facts.length).toBeGreaterThan(1), { timeout: 5000 });

describe('CONNECT', () => {
  test('an allowed host is reached over TLS, looked up once, and its bytes are counted', async () => {
    const port = await behind('registry.test', await listenTls('hello'));
    expect(await textOf(speakTls(await tunnel('registry.test', port), 'registry.test'))).toBe('hello');
    await ended();
    expect(it.lookups).toEqual(['registry.test']);
    expect(it.last()).toMatchObject({
      verdict: 'allowed',
      address: '127.0.0.1',
      host: 'registry.test',
      port,
    });
    expect(it.last()?.sentBytes).toBeGreaterThan(50);
    expect(it.last()?.receivedBytes).toBeGreaterThan(50);
    expect(it.facts[0]?.key).toBe(it.last()?.key);
  });

  test.each([
    [{ preset: 'none' as const }, '"none"'],
    [{ preset: 'packages' as const }, '"packages"'],
    [{ preset: 'custom' as const, allow: ['example.com'] }, '"custom"'],
    [undefined, 'is unknown'],
  ])('%j denies by default, without a lookup', async (policy, reason) => {
    it.world.policy = policy;
    expect(await it.ask('evil.test', 443)).toMatchObject({
      status: 403,
      message: expect.stringContaining(reason),
    });
    expect(it.lookups).toEqual([]);
    expect(it.last()).toMatchObject({ verdict: 'denied', host: 'evil.test', port: 443 });
  });

  test.each([
    ['another name in the hello', 'evil.test', "the client's request is for evil.test"],
    ['no name in the hello', undefined, 'the client named no host'],
  ])('%s: nothing reaches the server', async (_what, servername, reason) => {
    let seen = 0;
    const server = createServer((socket) => socket.on('data', (bytes) => (seen += bytes.length)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = await behind('good.test', server);
    const socket = await tunnel('good.test', port);
    const broken = closed(speakTls(socket, servername));
    expect(await broken).toMatch(/^(broken off)?$/);
    await ended();
    expect(it.last()).toMatchObject({ verdict: 'denied', reason, sentBytes: 0 });
    expect(seen).toBe(0);
  });

  test.each([
    ['another name in the second', 'evil.test', "the client's request is for evil.test"],
    ['another one encrypted in the second', undefined, 'the client hides its host (encrypted hello)'],
  ])('%s hello: it does not reach the server', async (_what, second, reason) => {
    let seen = Buffer.alloc(0);
    const server = createServer((socket) => {
      socket
        .on('error', () => undefined)
        .on('data', (bytes) => {
          seen = Buffer.concat([seen, bytes]);
          // Asks for a hello again, as far as anybody on the way can see.
          socket.write('again');
        });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = await tunnel('good.test', await behind('good.test', server));
    const first = await helloOf('good.test');
    socket.write(first);
    await once(socket, 'data');
    expect(seen).toEqual(first);
    const changeCipher = Buffer.from([20, 3, 3, 0, 1, 1]);
    const next =
      second === undefined ? await helloOf('good.test', [[0xfe0d, Buffer.alloc(9)]]) : await helloOf(second);
    socket.write(Buffer.concat([changeCipher, next]));
    await closed(socket);
    await ended();
    expect(it.last()).toMatchObject({ verdict: 'denied', reason });
    expect(seen.length).toBeLessThanOrEqual(first.length + changeCipher.length);
  });

  test.each(['evil.test.', 'evil%2etest', 'EVIL test'])(
    'an address that is allowed is no way to the name %j behind it',
    async (name) => {
      const server = createServer((socket) => socket.on('error', () => undefined).end('reached'));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const port = portOf(server);
      closing.push(() => server.close());
      it.world.registries.push({ host: '127.0.0.1', port, named: true });
      const hello = await helloOf('a'.repeat(name.length));
      hello.write(name, hello.indexOf('a'.repeat(name.length)), 'latin1');
      const socket = await tunnel('127.0.0.1', port);
      socket.write(hello);
      await closed(socket);
      await ended();
      expect(it.last()).toMatchObject({ verdict: 'denied', sentBytes: 0 });
    },
  );

  test('a name that answers with a public address of the server itself is refused', async () => {
    it.world.own = ['8.8.4.4', '2600::1'];
    it.world.policy = { preset: 'custom', allow: ['sneaky.test', '8.8.4.4'] };
    for (const address of it.world.own) {
      it.world.names['sneaky.test'] = [address];
      expect(await it.ask('sneaky.test', 443), address).toMatchObject({ status: 403 });
    }
    expect(await it.ask('8.8.4.4', 443)).toMatchObject({ status: 403 });
    expect(it.last()?.reason).toContain('the server’s own');
  });

  test('plain HTTP must name the host; other protocols need a port that the policy names', async () => {
    const server = createServer((socket) =>
      socket.once('data', (bytes) => socket.end(`got ${bytes.length}`)),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = await behind('plain.test', server);
    const say = async (text: string) => {
      const socket = await tunnel('plain.test', port);
      socket.end(text);
      return closed(socket);
    };
    expect(await say('GET / HTTP/1.1\r\nHost: plain.test\r\n\r\n')).toBe('got 36');
    expect(await say('GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n')).toBe('');
    expect(await say('GET http://evil.test/ HTTP/1.1\r\nHost: plain.test\r\n\r\n')).toBe('');
    expect(await say('GET / HTTP/1.1\r\nHost: plain.test\r\nHost: evil.test\r\n\r\n')).toBe('');
    expect(await say('\x00\x01binary')).toBe('');
    it.world.policy = { preset: 'custom', allow: [`plain.test:${port}`] };
    expect(await say('\x00\x01binary')).toBe('got 8');
  });

  describe('every request of plain HTTP is judged', () => {
    const FIRST = 'POST /a HTTP/1.1\r\nHost: plain.test\r\nContent-Length: 3\r\n\r\nabc';
    const EVIL = 'GET /evil HTTP/1.1\r\nHost: evil.test\r\n\r\n';
    let seen: string;
    const say = async (...parts: string[]): Promise<void> => {
      seen = '';
      const server = createServer((socket) => {
        socket.on('data', (bytes) => {
          seen += bytes;
        });
        socket.on('error', () => undefined).on('end', () => socket.end('read'));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const socket = await tunnel('plain.test', await behind('plain.test', server));
      for (const part of parts) {
        socket.write(part);
        await new Promise(setImmediate);
      }
      socket.end();
      await closed(socket);
      await ended();
    };

    test('those for the host pass, in whatever pieces', async () => {
      const chunked =
        'PUT / HTTP/1.1\r\nhost: plain.test:80\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
      const all = FIRST + chunked + FIRST;
      await say(...(all.match(/[\s\S]{1,7}/g) ?? []));
      expect(seen).toBe(all);
      expect(it.last()).toMatchObject({ verdict: 'allowed' });
    });

    test.each([
      ['a second one for another host', FIRST + EVIL],
      ['a second one without a host', `${FIRST}GET /evil HTTP/1.1\r\n\r\n`],
      ['two hosts', `${FIRST}GET /evil HTTP/1.1\r\nHost: plain.test\r\nHost: evil.test\r\n\r\n`],
      ['a folded host', `${FIRST}GET /evil HTTP/1.1\r\nHost: plain.test\r\n evil.test\r\n\r\n`],
      ['another host in the target', `${FIRST}GET http://evil.test/ HTTP/1.1\r\nHost: plain.test\r\n\r\n`],
      ['a bare line end', `${FIRST}GET /evil HTTP/1.1\r\nHost: plain.test\r\nX: y\nHost: evil.test\r\n\r\n`],
      [
        'two lengths',
        `${FIRST}POST /evil HTTP/1.1\r\nHost: plain.test\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      ],
      ['an odd length', `${FIRST}POST /evil HTTP/1.1\r\nHost: plain.test\r\nContent-Length: +0\r\n\r\n`],
      [
        'an odd coding',
        `${FIRST}POST /evil HTTP/1.1\r\nHost: plain.test\r\nTransfer-Encoding: xchunked\r\n\r\n`,
      ],
      [
        'a blank before the colon',
        `${FIRST}POST /evil HTTP/1.1\r\nHost: plain.test\r\nContent-Length : 9\r\n\r\n`,
      ],
      ['an upgrade', `${FIRST}GET /evil HTTP/1.1\r\nHost: plain.test\r\nUpgrade: h2c\r\n\r\n`],
      ['another tunnel', `${FIRST}CONNECT evil.test:80 HTTP/1.1\r\nHost: plain.test\r\n\r\n`],
      ['another protocol', `${FIRST}\x16\x03\x01evil\r\n\r\n`],
    ])('%s does not', async (_what, text) => {
      await say(text);
      expect(seen).toBe(FIRST);
      expect(it.last()).toMatchObject({ verdict: 'denied' });
    });

    test.each([
      ['an extension', '3;evil=1\r\n'],
      ['a length that is none', '0x3\r\n'],
      ['a trailer', '0\r\nevil: 1\r\n\r\n'],
      ['data beyond its length', `1\r\nab${EVIL}`],
    ])('a chunk with %s does not', async (_what, chunk) => {
      await say(`POST / HTTP/1.1\r\nHost: plain.test\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${EVIL}`);
      expect(seen).not.toContain('evil');
      expect(it.last()).toMatchObject({ verdict: 'denied' });
    });
  });

  describe('of plain HTTP to a port that the policy names', () => {
    const UPGRADE =
      'GET /ws HTTP/1.1\r\nHost: named.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n';
    const EVIL = 'GET /evil HTTP/1.1\r\nHost: evil.test\r\n\r\n';
    const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\n\r\n';
    const USUAL = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
    let seen: string;
    /** To a server that answers the first bytes with this. */
    const open = async (answer: string): Promise<Socket> => {
      seen = '';
      const server = createServer((socket) => {
        socket.once('data', () => socket.write(answer));
        socket.on('data', (bytes) => {
          seen += bytes;
        });
        socket.on('error', () => undefined).on('end', () => socket.end());
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const port = await behind('named.test', server);
      it.world.policy = { preset: 'custom', allow: [`named.test:${port}`] };
      return await tunnel('named.test', port);
    };

    test('what follows an upgrade that the server took passes unread', async () => {
      const socket = await open(SWITCHED);
      socket.write(UPGRADE);
      expect(String((await once(socket, 'data'))[0])).toBe(SWITCHED);
      socket.end(`\x81 any bytes: ${EVIL}`);
      await closed(socket);
      expect(seen).toBe(`${UPGRADE}\x81 any bytes: ${EVIL}`);
      await ended();
      expect(it.last()).toMatchObject({ verdict: 'allowed' });
    });

    test('a client that ends its side is still answered', async () => {
      const socket = await open(USUAL);
      socket.end(UPGRADE.replace(/Connection.*/s, '\r\n'));
      expect(await closed(socket)).toBe(USUAL);
      await ended();
      expect(it.last()).toMatchObject({ verdict: 'allowed' });
    });

    test.each([
      ['a later request for another host', UPGRADE.replace(/Connection.*/s, '\r\n'), EVIL],
      ['one after an upgrade that the server did not take', UPGRADE, EVIL],
      ['one with an upgrade that the server did not take', `${UPGRADE}${EVIL}`, ''],
      ['a later upgrade', UPGRADE.replace(/Connection.*/s, '\r\n'), UPGRADE.replace('/ws', '/evil')],
      ['too many bytes follow an upgrade request', `${UPGRADE}${'evil'.repeat(2 ** 14)}`, ''],
      ['one behind an empty line', `\r\n${EVIL}`, ''],
    ])('%s does not', async (_what, first, then) => {
      const socket = await open(USUAL);
      socket.write(first);
      if (then !== '') {
        await once(socket, 'data');
        socket.write(then);
      }
      await closed(socket);
      expect(seen).not.toContain('evil');
      await ended();
      expect(it.last()).toMatchObject({ verdict: 'denied' });
    });
  });

  test.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '2002:7f00:1::',
    'fd00:ec2::254',
  ])('a name that answers %s is refused', async (address) => {
    it.world.policy = { preset: 'custom', allow: ['sneaky.test'] };
    it.world.names['sneaky.test'] = [address];
    const refused = await it.ask('sneaky.test', 443);
    expect(refused).toMatchObject({ status: 403, message: expect.stringContaining('private or reserved') });
    expect(it.last()).toMatchObject({ verdict: 'denied', address });
  });

  test('a registry that is only a tool’s default may not be private', async () => {
    it.world.registries = [{ host: 'registry.npmjs.org', port: 443, named: false }];
    it.world.names['registry.npmjs.org'] = ['10.0.0.1'];
    expect(await it.ask('registry.npmjs.org', 443)).toMatchObject({ status: 403 });
  });

  test('a name that changes its answer is dialled where it was judged', async () => {
    const port = await behind('flip.test', await listenTls('first'));
    const answers = [['127.0.0.1'], ['127.0.0.2']];
    Object.defineProperty(it.world.names, 'flip.test', { get: () => answers.shift() });
    expect(await textOf(speakTls(await tunnel('flip.test', port), 'flip.test'))).toBe('first');
    expect(answers).toEqual([['127.0.0.2']]);
  });

  test.each([
    'evil\0.good.test',
    'good.test.',
    '0x7f.0.0.1',
    '2130706433',
    '0177.0.0.1',
    '127.1',
    'good.test%00',
    'a b',
    'user@good.test',
    'good.test\r\nx',
    'ｇood.test',
    'good..test',
    '-x',
    '',
    'fe80::1%eth0',
    '::ffff:127.0.0.1',
  ])('the spelling %j is refused and never looked up', async (host) => {
    it.world.policy = { preset: 'custom', allow: ['*.test', 'good.test', '127.0.0.1'] };
    expect(await it.ask(host, 443)).toMatchObject({ status: 403 });
    expect(it.lookups).toEqual([]);
  });

  test('wildcards cover names below, on 443 and 80 only, and no literal address', async () => {
    it.world.policy = { preset: 'custom', allow: ['*.good.test', 'ports.test:8443', '8.8.8.8:1'] };
    const verdict = async (host: string, port: number) => {
      const answer = await it.ask(host, port);
      return 'status' in answer ? answer.status : 200;
    };
    // 502: allowed, but the scripted resolver knows no such name.
    expect(await verdict('a.good.test', 443)).toBe(502);
    expect(await verdict('A.b.GOOD.test', 80)).toBe(502);
    expect(await verdict('ports.test', 8443)).toBe(502);
    for (const [host, port] of [
      ['good.test', 443],
      ['evilgood.test', 443],
      ['a.good.test', 22],
      ['ports.test', 443],
      ['8.8.8.8', 443],
    ] as const)
      expect(await verdict(host, port), host).toBe(403);
  });

  test('connections are limited, cut when idle or silent, and the places come back', async () => {
    const server = createServer((socket) => socket.on('error', () => socket.destroy()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = await behind('slow.test', server);
    const open = [
      await tunnel('slow.test', port),
      await tunnel('slow.test', port),
      await tunnel('slow.test', port),
    ];
    expect(await it.ask('slow.test', port)).toMatchObject({ status: 429 });
    await Promise.all(open.map(closed));
    await vi.waitFor(async () => expect('status' in (await it.ask('slow.test', port))).toBe(false), {
      timeout: 5000,
    });
  });
});

describe('absolute addresses', () => {
  test('are forwarded without what was meant for the proxy', async () => {
    const server = createHttpServer((request, response) => {
      response.end(JSON.stringify({ url: request.url, headers: request.headers }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = await behind('web.test', server);
    const answer = await it.get(`web.test:${port}`, { 'proxy-authorization': 'secret', 'x-kept': 'yes' });
    expect(answer.status).toBe(200);
    const { url, headers } = JSON.parse(answer.text);
    expect(url).toBe('/x?y=1');
    expect(headers).toMatchObject({ host: `web.test:${port}`, 'x-kept': 'yes' });
    expect(headers).not.toHaveProperty('proxy-authorization');
    await ended();
    expect(it.last()).toMatchObject({ verdict: 'allowed', host: 'web.test' });
    expect(it.last()?.receivedBytes).toBeGreaterThan(50);

    for (const path of ['http://evil.test/', '*', 'evil.test/x']) {
      const odd = await it.get(`web.test:${port}`, { ':path': path }).catch(() => undefined);
      expect(odd?.status ?? 400, path).toBeGreaterThan(399);
    }

    const fronted = await it.get(`web.test:${port}`, { host: 'evil.test' });
    expect(fronted).toMatchObject({ status: 403, text: expect.stringContaining('another host') });
    await vi.waitFor(() => expect(it.last()).toMatchObject({ verdict: 'denied' }));
  });

  test('a body is framed whatever the method, so that none is taken for the next request', async () => {
    const seen: string[] = [];
    const server = createHttpServer({ keepAlive: true }, async (request, response) => {
      seen.push(`${request.method} ${request.headers.host} ${(await textOf(request)).length}`);
      response.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const authority = `web.test:${await behind('web.test', server)}`;
    const evil = 'GET /evil HTTP/1.1\r\nHost: evil.test\r\n\r\n';
    for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST', 'PROPFIND'])
      await it.get(authority, { ':method': method }, evil);
    await it.get(authority);
    expect(seen).toEqual([
      ...['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST', 'PROPFIND'].map(
        (method) => `${method} ${authority} ${evil.length}`,
      ),
      `GET ${authority} 0`,
    ]);
    await it
      .get(authority, { ':method': 'POST', 'content-length': '3' }, `abc${evil}`)
      .catch(() => undefined);
    expect(seen.join()).not.toContain('evil');
  });

  test('a denial is one line that names the host, the policy, and what would allow it', async () => {
    const answer = await it.get('evil.test');
    expect(answer.status).toBe(403);
    expect(answer.text).toBe(
      'berth: no connection to evil.test: the egress policy "packages" does not allow it; ' +
        'the user can allow it with --egress packages,evil.test\n',
    );
    expect(it.last()).toMatchObject({ host: 'evil.test', remedy: '--egress packages,evil.test' });
  });
});
