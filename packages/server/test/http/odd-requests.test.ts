/** Requests that mean more than one thing, or cost more than they weigh: each is told what is wrong with it. */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, openHarness } from './harness.ts';

let server: Harness;
beforeAll(async () => {
  server = await openHarness();
});
afterAll(() => server[Symbol.asyncDispose]());

/** Sends bytes as they are and reads the answer to its end. */
const raw = async (
  head: readonly string[],
  body: string | Buffer = '',
): Promise<{ status: number; body: string }> => {
  const socket = connect(Number(new URL(server.listening.address).port), '127.0.0.1');
  const lines = [...head, `content-length: ${Buffer.byteLength(body)}`, 'connection: close', '', ''];
  socket.write(Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), Buffer.from(body)]));
  const answer = await text(socket);
  return { status: Number(answer.split(' ')[1]), body: answer.slice(answer.indexOf('\r\n\r\n') + 4) };
};

const asOwner = () => ['host: localhost', `authorization: Bearer ${server.ownerToken}`];
const issueOf = (answer: { status: number; body: string }) => ({
  status: answer.status,
  issue: JSON.parse(answer.body).error.details.issues[0],
});

describe('a request line', () => {
  it.each([
    ['an id of 501 characters', `/v1/tasks/${'t'.repeat(501)}`, 'url', 'longer than 500 characters'],
    [
      'an id of 501 characters with a path behind it',
      `/v1/tasks/${'t'.repeat(501)}/cancel`,
      'url',
      'longer than 500',
    ],
    ['a whole address', 'http://localhost/v1/tasks', 'url', 'begins with /'],
    ['a whole address of another server', 'http://example.com/v1/tasks', 'url', 'begins with /'],
    ['a bad percent sign', '/v1/tasks/%zz', 'url', 'must be a valid URL'],
    ['half a character', '/v1/tasks/%c3', 'url', 'must be a valid URL'],
    ['a byte beyond ASCII', '/v1/tasks/\xff', 'request', 'not HTTP/1.1'],
    ['a zero byte', '/v1/tasks/tk_%00', 'params.id', ''],
    ['a line feed for a header', '/v1/tasks/tk_%0d%0ax-evil:%201', 'params.id', ''],
    ['a name twice', '/v1/tasks?limit=1&limit=2', 'query.limit', ''],
  ])('with %s is explained', async (_what, target, path, message) => {
    const answer = await raw([`GET ${target} HTTP/1.1`, ...asOwner()]);
    expect(issueOf(answer)).toMatchObject({
      status: 400,
      issue: { path, message: expect.stringContaining(message) },
    });
    expect(answer.body).not.toContain('x-evil');
  });

  it('with two Host headers is explained', async () => {
    const answer = await raw(['GET /v1/tasks HTTP/1.1', ...asOwner(), 'Host: example.com']);
    expect(issueOf(answer)).toEqual({
      status: 400,
      issue: { path: 'headers.host', message: 'occurs 2 times, must occur once' },
    });
  });

  it('without an end, or with endless headers, is cut off', async () => {
    const endless = await raw([`GET /v1/tasks?type=${'x'.repeat(20_000)} HTTP/1.1`, ...asOwner()]);
    expect(endless.status).toBe(431);
    const smuggled = await raw(
      ['POST /v1/tokens HTTP/1.1', ...asOwner(), 'transfer-encoding: chunked'],
      '0\r\n\r\n',
    );
    expect(smuggled.status).toBe(400);
  });
});

describe('a body', () => {
  const post = (body: string | Buffer) =>
    raw(['POST /v1/tokens HTTP/1.1', ...asOwner(), 'content-type: application/json'], body);

  it.each([
    ['with a byte order mark', '\ufeff{"name":"a","role":"viewer"}', 'body', 'byte order mark'],
    ['that is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'body', 'UTF-8'],
    [
      'that is nested without end',
      `{"name":${'['.repeat(500_000)}`,
      'body.name[0][0][0][0][0]…',
      '64 levels deep',
    ],
    ['of nothing but empty lists', `[${'[],'.repeat(340_000)}0]`, /^body\[\d+\]$/, '200000 members'],
    ['with a key of the prototype', '{"__proto__":{"role":"owner"},"name":"a"}', 'body', 'must be JSON'],
  ])('%s is explained', async (_what, body, path, message) => {
    const answer = issueOf(await post(body));
    expect(answer).toMatchObject({ status: 400, issue: { message: expect.stringContaining(message) } });
    expect(answer.issue.path).toMatch(path);
  });
});
