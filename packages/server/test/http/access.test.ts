/** Who gets in: hosts, origins, tokens, the two listeners, and how the first owner comes about. */
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { connect, type NetConnectOpts } from 'node:net';
import { dirname, join } from 'node:path';
import { createManualClock } from '@berth/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureOwner } from '../../src/http/auth/owner-token.ts';
import { createTokens } from '../../src/http/auth/tokens.ts';
import { hashToken } from '../../src/secrets/installation-key.ts';
import { clock, type Harness, ids, openHarness, optionsFor } from './harness.ts';

const HOUR_MS = 3_600_000;

let harness: Harness;
let port: string;
beforeAll(async () => {
  harness = await openHarness({}, ['berth.example']);
  port = new URL(harness.listening.address).port;
});
afterAll(() => harness[Symbol.asyncDispose]());

const list = (headers: Record<string, string>) =>
  harness.ask({ path: '/v1/tasks', token: harness.ownerToken, headers });

describe('the guard', () => {
  it('lets in the names of loopback and the configured ones', async () => {
    for (const host of ['localhost', `localhost:${port}`, '127.0.0.1', '[::1]:1', `berth.example:${port}`]) {
      expect((await list({ host })).status, host).toBe(200);
    }
  });

  it('refuses every other name, however it is spelled', async () => {
    const hosts = [
      'evil.example',
      '0.0.0.0',
      '2130706433',
      '127.0.0.1.evil.example',
      'localhost.',
      'LOCALHOST',
    ];
    for (const host of [...hosts, '127.1', '[::ffff:127.0.0.1]', 'localhost:1:2', 'a@localhost']) {
      const reply = await list({ host, origin: `http://${host}` });
      expect([reply.status, reply.json?.error?.code], host).toEqual([403, 'auth.origin_refused']);
    }
  });

  it('takes a page only from its own origin and never sends a CORS header', async () => {
    const host = `localhost:${port}`;
    expect((await list({ host, origin: `http://${host}` })).status).toBe(200);
    const others = [
      'null',
      'http://evil.example',
      'http://localhost:1',
      'http://localhost',
      'chrome-extension://x',
    ];
    for (const origin of [...others, `http://127.0.0.1:${port}`, `http://${host}.evil.example`]) {
      const reply = await list({ host, origin });
      expect(reply.status, origin).toBe(403);
      expect(Object.keys(reply.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  it('believes a browser that says another site is asking', async () => {
    for (const site of ['cross-site', 'same-site']) {
      expect((await list({ 'sec-fetch-site': site })).status, site).toBe(403);
    }
    for (const site of ['same-origin', 'none'])
      expect((await list({ 'sec-fetch-site': site })).status).toBe(200);
  });

  it('comes before the token, and before it is told whether there is such a route', async () => {
    for (const path of ['/v1/tasks', '/v1/nothing', '/health', '/docs']) {
      expect((await harness.ask({ path, headers: { host: 'evil.example' } })).status, path).toBe(403);
    }
  });

  it('sends the headers that keep browsers from guessing and framing', async () => {
    const { headers } = await list({});
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
  });
});

describe('tokens', () => {
  it('are kept as hashes alone and shown once', async () => {
    const secret = await harness.tokenOf('viewer');
    const { rows, hashes } = await harness.store.read(async (tx) => ({
      rows: await tx.table('tokens').list(),
      hashes: await tx.table('tokenSecrets').list(),
    }));
    expect(JSON.stringify([rows, hashes])).not.toContain(secret);
    expect(hashes.map(({ hash }) => hash)).toContain(hashToken(secret));
    const listed = await harness.ask({ path: '/v1/tokens', token: harness.ownerToken });
    expect(listed.text).not.toContain('berth_');
    expect(listed.json.rows.every((row: object) => 'lastUsedAt' in row || 'name' in row)).toBe(true);
  });

  it('fail at once when revoked, and the streams that they opened end', async () => {
    const made = await harness.ask({
      method: 'POST',
      path: '/v1/tokens',
      token: harness.ownerToken,
      body: { name: 'short', role: 'viewer' },
    });
    const { id, secret } = made.json;
    const stream = harness.ask({ path: '/v1/events', token: secret });
    await expect.poll(() => readersOf(harness)).toBe(1);
    const remove = () =>
      harness.ask({ method: 'DELETE', path: `/v1/tokens/${id}`, token: harness.ownerToken });
    expect((await remove()).json.revokedAt).toBeGreaterThan(0);
    expect((await harness.ask({ path: '/v1/tasks', token: secret })).status).toBe(401);
    expect((await stream).status).toBe(200);
    expect((await remove()).status).toBe(200);
  });

  it('end the streams that they opened when they expire', async () => {
    const manual = createManualClock();
    await using timed = await openHarness({}, [], undefined, manual);
    const { ask, ownerToken } = timed;
    const body = { name: 'brief', role: 'viewer', ttlMs: 2 * HOUR_MS };
    const { secret } = (await ask({ method: 'POST', path: '/v1/tokens', token: ownerToken, body })).json;
    const stream = ask({ path: '/v1/events', token: secret });
    await expect.poll(() => readersOf(timed)).toBe(1);
    await manual.advance(2 * HOUR_MS - 1);
    expect(await readersOf(timed)).toBe(1);
    await manual.advance(1);
    expect((await stream).status).toBe(200);
    expect((await ask({ path: '/v1/tasks', token: secret })).status).toBe(401);
  });

  it('expire', async () => {
    const body = { name: 'brief', role: 'viewer', ttlMs: 1000 };
    const made = await harness.ask({ method: 'POST', path: '/v1/tokens', token: harness.ownerToken, body });
    const later = { ...clock, now: () => Date.now() + 1001 };
    const tokens = createTokens({ store: harness.store, clock: later, ids });
    expect(await tokens.authenticate(made.json.secret)).toBeUndefined();
    tokens.close();
  });

  it('say when they were used, at most once a minute', async () => {
    let now = 1_000_000;
    const tokens = createTokens({ store: harness.store, clock: { ...clock, now: () => now }, ids });
    const { token, secret } = await tokens.create({ name: 'seen', role: 'viewer' });
    const lastUsed = () =>
      harness.store.read(async (tx) => (await tx.table('tokens').get(token.id))?.lastUsedAt);
    await tokens.authenticate(secret);
    expect(await lastUsed()).toBe(now);
    now += 59_999;
    await tokens.authenticate(secret);
    expect(await lastUsed()).toBe(1_000_000);
    now += 1;
    await tokens.authenticate(secret);
    expect(await lastUsed()).toBe(now);
    tokens.close();
  });

  const readersOf = async ({ ask, ownerToken }: Harness) =>
    (await ask({ path: '/stats', token: ownerToken })).json.eventClients;
});

describe('the first owner', () => {
  it('is made from a bootstrap token that is gone afterwards', async () => {
    expect((await stat(harness.listening.ownerTokenPath)).mode & 0o777).toBe(0o600);
    await expect(stat(join(harness.home, 'bootstrap-token'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('stays the same over restarts and is replaced only by a new bootstrap token', async () => {
    const tokens = createTokens({ store: harness.store, clock, ids });
    const owner = () => readFile(harness.listening.ownerTokenPath, 'utf8');
    await ensureOwner(harness.home, harness.store, tokens);
    expect((await owner()).trim()).toBe(harness.ownerToken);
    const bootstrap = join(harness.home, 'bootstrap-token');
    const given = 'a-token-that-the-operator-put-here-0123456789';
    await writeFile(bootstrap, given, { mode: 0o600 });
    await ensureOwner(harness.home, harness.store, tokens);
    const minted = (await owner()).trim();
    expect(minted).not.toBe(harness.ownerToken);
    expect(await tokens.authenticate(minted)).toMatchObject({ role: 'owner' });
    expect(await tokens.authenticate(given)).toBeUndefined();
    // A crash before the bootstrap token was removed leads to the same owner, not to a second one.
    const count = () => harness.store.read((tx) => tx.table('tokens').count({ role: 'owner' }));
    const before = await count();
    await writeFile(bootstrap, given, { mode: 0o600 });
    await ensureOwner(harness.home, harness.store, tokens);
    expect([(await owner()).trim(), await count()]).toEqual([minted, before]);
    tokens.close();
  });

  it('refuses a bootstrap token that others can read, a link to one, and a short one', async () => {
    const tokens = createTokens({ store: harness.store, clock, ids });
    const cases: Record<string, (path: string) => Promise<void>> = {
      readable: (path) => writeFile(path, 'x'.repeat(40), { mode: 0o644 }),
      link: (path) => symlink('/etc/hostname', path),
      short: (path) => writeFile(path, 'short', { mode: 0o600 }),
    };
    for (const [name, put] of Object.entries(cases)) {
      const home = join(harness.home, name);
      await mkdir(home);
      await put(join(home, 'bootstrap-token'));
      await expect(ensureOwner(home, harness.store, tokens), name).rejects.toMatchObject({
        code: 'config.invalid',
      });
    }
    tokens.close();
  });
});

describe('the Unix socket', () => {
  it('can be reached by its owner alone', async () => {
    const { socketPath } = harness.listening;
    expect((await stat(socketPath)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(socketPath))).mode & 0o777).toBe(0o700);
  });

  it('needs a token like the other listener, and leads to the same server', async () => {
    expect((await harness.ask({ path: '/v1/tasks', viaSocket: true })).status).toBe(401);
    const reply = await harness.ask({ path: '/v1/tasks', viaSocket: true, token: harness.ownerToken });
    expect([reply.status, reply.json]).toEqual([200, { rows: [] }]);
  });

  it('is the only other listener: TCP listens on loopback', () => {
    expect(harness.listening.address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(optionsFor(harness.listening, { path: '/' }).host).toBe('127.0.0.1');
  });
});

describe('what is not HTTP', () => {
  it('is answered on both listeners in the form of every other failure', async () => {
    const { address, socketPath } = harness.listening;
    const listeners: NetConnectOpts[] = [
      { host: '127.0.0.1', port: Number(new URL(address).port) },
      { path: socketPath },
    ];
    const cases = [
      ['HELLO\r\n\r\n', 400, 'request'],
      [`GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers'],
    ] as const;
    for (const listener of listeners) {
      for (const [text, status, path] of cases) {
        const answer = await said(listener, text);
        expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
        const { error } = JSON.parse(answer.split('\r\n\r\n')[1] ?? '');
        expect([error.code, error.details.issues[0].path]).toEqual(['request.invalid', path]);
      }
    }
  });
});

const said = async (listener: NetConnectOpts, text: string): Promise<string> => {
  const socket = connect(listener);
  socket.end(text);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};
