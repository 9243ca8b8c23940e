import { request } from 'node:http';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FLUSH, pktLine } from '../../src/gateway/git/pkt-line.ts';
import { encodePushHead, parsePushHead } from '../../src/gateway/git/push-commands.ts';
import { createSample, gitWithToken, run, sealed, serveHub, shell, WORKSPACE } from './sample.ts';

const TOKEN = 'berth_token_of_the_sandbox';
const OTHER = 'berth_token_of_another_workspace';
const TASK = 'refs/heads/task/tk_1';
const ABSENT = '0'.repeat(40);

let sample: Awaited<ReturnType<typeof createSample>>;
let server: Awaited<ReturnType<typeof serveHub>>;
let clone: string;
let main: string;
beforeEach(async () => {
  sample = await createSample();
  await sample.hub.importRepository(WORKSPACE, { source: sample.source });
  main = (await sample.hub.resolve(WORKSPACE, 'source', 'refs/heads/main')) ?? '';
  await sample.hub.swap(WORKSPACE, 'source', 'refs/berth/secret/1', undefined, main);
  await sample.hub.swap(WORKSPACE, 'source', 'refs/berth/turns/at_1/1', undefined, main);
  server = await serveHub(
    sample.hubFolder,
    {
      [TOKEN]: { workspaceId: WORKSPACE, writeRefs: [TASK, 'refs/berth/turns/at_1/'] },
      [OTHER]: { workspaceId: 'ws_00000000000000000002', writeRefs: ['refs/heads/'] },
    },
    { maxRequestBytes: 3_000_000 },
  );
  clone = path.join(sample.folder, 'clone');
});
afterEach(async () => {
  await server.end();
  await sample.end();
});

const url = () => `${server.url}/git/${WORKSPACE}/source.git`;

const client = (cwd: string, args: readonly string[], token = TOKEN) => gitWithToken(token, cwd, args);

const cloned = async () => {
  expect(await client(sample.folder, ['clone', '-q', url(), clone])).toMatchObject({ code: 0 });
  shell(clone, 'echo work > work; git add work; git commit -qm work');
  return run(clone, ['rev-parse', 'HEAD']);
};

/** A raw request; resolves with the status and the body. */
const raw = (method: string, target: string, body?: Buffer, headers: Record<string, string> = {}) =>
  new Promise<{ status: number; text: string }>((resolve, reject) => {
    const { port } = new URL(server.url);
    const sent = request(
      {
        port,
        host: '127.0.0.1',
        method,
        path: target,
        headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      },
      (response) => {
        let text = '';
        response.setEncoding('latin1').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });

const refs = () => sample.hub.listRefs(WORKSPACE, 'source', 'refs/');

describe('what a token opens', () => {
  test.each(['0', '1', '2'])('clone, fetch of a commit and push over protocol %s', async (version) => {
    const protocol = ['-c', `protocol.version=${version}`];
    expect(await client(sample.folder, [...protocol, 'clone', '-q', url(), clone])).toMatchObject({
      code: 0,
    });
    shell(clone, 'echo work > work; git add work; git commit -qm work');
    const head = run(clone, ['rev-parse', 'HEAD']);
    const push = ['push', url(), `HEAD:${TASK}`, 'HEAD:refs/berth/turns/at_1/2'];
    expect(await client(clone, [...protocol, ...push])).toMatchObject({ code: 0 });
    expect(await sample.hub.resolve(WORKSPACE, 'source', TASK)).toBe(head);
    expect(await sample.hub.resolve(WORKSPACE, 'source', 'refs/berth/turns/at_1/2')).toBe(head);
    expect(await client(clone, [...protocol, 'fetch', '-q', url(), main])).toMatchObject({ code: 0 });
  });

  test('the refs of the grant and tags are shown, others are not', async () => {
    const listed = await client(sample.folder, ['ls-remote', url()]);
    expect(listed.said).toContain('refs/heads/main');
    expect(listed.said).toContain('refs/berth/turns/at_1/1');
    expect(listed.said).not.toContain('refs/berth/secret');
  });

  test('a password works as a token; nothing, a wrong one and another workspace do not', async () => {
    const withPassword = url().replace('//', `//any:${TOKEN}@`);
    expect(
      (await execa('git', ['ls-remote', withPassword], { env: sealed, extendEnv: false })).exitCode,
    ).toBe(0);
    expect((await client(sample.folder, ['ls-remote', url()], 'wrong')).code).not.toBe(0);
    const info = `/git/${WORKSPACE}/source.git/info/refs?service=git-upload-pack`;
    expect(await raw('GET', info, undefined, { authorization: '' })).toMatchObject({ status: 401 });
    const other = { authorization: `Bearer ${OTHER}` };
    expect(await raw('GET', info, undefined, other)).toMatchObject({ status: 404 });
    expect(await raw('GET', info.replace('source', 'absent'))).toMatchObject({ status: 404 });
  });

  test.each([
    '/git/../hub/x.git/info/refs?service=git-upload-pack',
    `/git/${WORKSPACE}/../${WORKSPACE}/source.git/info/refs?service=git-upload-pack`,
    `/git/${WORKSPACE}/%2e%2e/source.git/info/refs?service=git-upload-pack`,
    `/git/${WORKSPACE}/source.git/objects/info/packs`,
    `/git/${WORKSPACE}/source.git/config`,
    `/git/${WORKSPACE}/source.git/info/refs`,
    `/git/${WORKSPACE}/source.git/info/refs?service=git-upload-archive`,
    `/git/${WORKSPACE}/source.git/info/refs?service=git-upload-pack&x=1`,
    `/git/${WORKSPACE}/--help.git/info/refs?service=git-upload-pack`,
  ])('there is nothing at %s', async (target) => {
    expect(await raw('GET', target)).toMatchObject({ status: 404 });
  });
});

describe('what a token does not open', () => {
  const RIVAL = 'refs/heads/task/tk_2';
  const target = () => `/git/${WORKSPACE}/source.git/git-upload-pack`;
  let rival: string;
  let lost: string;
  beforeEach(async () => {
    // What another task pushed, and what no ref leads to any more.
    shell(
      sample.source,
      `git checkout -q -b rival; echo rival > rival.txt; git add .; git commit -qm rival; git tag -d gone 2>/dev/null || true
       git push -q ${sample.at()} rival:${RIVAL} rival:refs/berth/changes/ch_2
       echo lost > lost.txt; git add .; git commit -qm lost
       git push -q ${sample.at()} rival:refs/heads/lost; git push -q ${sample.at()} :refs/heads/lost; git checkout -q main`,
    );
    lost = run(sample.source, ['rev-parse', 'rival']);
    rival = run(sample.source, ['rev-parse', 'rival~']);
    await cloned();
  });
  /** The client says whatever it wants to, also what it would not say by itself. */
  const bold = ['-c', 'protocol.allow=always'];

  test.each(['0', '1', '2'])('the work of others, by name or id, over protocol %s', async (version) => {
    const protocol = [...bold, '-c', `protocol.version=${version}`];
    for (const what of [
      RIVAL,
      'refs/berth/changes/ch_2',
      'refs/heads/*:refs/x/*',
      rival,
      lost,
      `${rival}^{tree}`,
    ])
      await client(clone, [...protocol, 'fetch', '-q', url(), what]);
    const has = await execa('git', ['cat-file', '--batch-check'], {
      cwd: clone,
      input: `${rival}\n${lost}\n`,
    });
    expect(has.stdout.match(/missing/g)).toHaveLength(2);
    const listed = await client(clone, [...protocol, 'ls-remote', url()]);
    expect(listed.said).not.toMatch(/tk_2|changes|secret/);
  });

  test('any object of another by its id, in requests that no client writes', async () => {
    const tree = run(sample.source, ['rev-parse', 'rival^{tree}']);
    const blob = run(sample.source, ['rev-parse', 'rival:rival.txt']);
    const caps = 'side-band-64k ofs-delta thin-pack no-progress';
    for (const id of [rival, lost, tree, blob]) {
      const asked = Buffer.concat([pktLine(`want ${id} ${caps}\n`), FLUSH, pktLine('done\n')]);
      expect((await raw('POST', target(), asked)).text, id).not.toContain('PACK');
      const both = Buffer.concat([
        pktLine(`want ${main} ${caps}\n`),
        pktLine(`want ${id}\n`),
        FLUSH,
        pktLine('done\n'),
      ]);
      expect((await raw('POST', target(), both)).text, id).not.toContain('PACK');
      const second = Buffer.concat([
        pktLine('command=fetch'),
        Buffer.from('0001'),
        pktLine(`want ${id}\n`),
        pktLine('done\n'),
        FLUSH,
      ]);
      const v2 = await raw('POST', target(), second, { 'git-protocol': 'version=2' });
      expect(v2.text, id).not.toContain('PACK');
    }
    const own = Buffer.concat([pktLine(`want ${main} ${caps}\n`), FLUSH, pktLine('done\n')]);
    expect((await raw('POST', target(), own)).text).toContain('PACK');
  });

  test('a part of a history, an archive, and what a filter leaves out', async () => {
    const blob = run(sample.source, ['rev-parse', 'rival:rival.txt']);
    const partial = ['fetch', '-q', '--filter=blob:none', url(), rival];
    expect((await client(clone, partial)).code).not.toBe(0);
    expect((await client(clone, ['fetch', '-q', '--shallow-exclude', RIVAL, url(), 'main'])).code).not.toBe(
      0,
    );
    expect((await client(clone, ['archive', `--remote=${url()}`, RIVAL])).code).not.toBe(0);
    expect((await client(clone, ['fetch', '-q', url(), blob])).code).not.toBe(0);
    expect((await client(clone, ['fetch', '-q', '--depth=1', url(), 'main'])).code).toBe(0);
  });

  const push = async (commands: readonly string[], pack: Buffer) =>
    raw(
      'POST',
      `/git/${WORKSPACE}/source.git/git-receive-pack`,
      Buffer.concat([
        ...commands.map((line, index) => pktLine(index === 0 ? `${line}\0report-status` : line)),
        FLUSH,
        pack,
      ]),
    );
  const packOf = async (cwd: string, ids: string, ...args: string[]): Promise<Buffer> => {
    const packed = await execa('git', ['pack-objects', '--stdout', '-q', ...args], {
      cwd,
      env: sealed,
      extendEnv: false,
      input: ids,
      encoding: 'buffer',
      // The last byte of a checksum may be that of a newline.
      stripFinalNewline: false,
    });
    return Buffer.from(packed.stdout);
  };

  test('the work of others through its own ref: pushed by id, as a parent, as a tree', async () => {
    const empty = await packOf(clone, '');
    expect((await push([`${ABSENT} ${rival} ${TASK}`], empty)).text).toMatch(/ng .*pre-receive/);
    const tree = run(sample.source, ['rev-parse', 'rival^{tree}']);
    const stolen = [
      run(sample.source, [
        'commit-tree',
        run(sample.source, ['rev-parse', 'main^{tree}']),
        '-p',
        rival,
        '-m',
        'x',
      ]),
      run(sample.source, ['commit-tree', tree, '-p', main, '-m', 'x']),
    ];
    for (const commit of stolen) {
      const pack = await packOf(sample.source, `${commit}\n`);
      expect((await push([`${ABSENT} ${commit} ${TASK}`], pack)).text).toMatch(/ng .*pre-receive/);
    }
    expect(await sample.hub.resolve(WORKSPACE, 'source', TASK)).toBeUndefined();
  });

  test('the work of others as the base of a difference', async () => {
    const text = Array.from({ length: 400 }, (_, line) => `line ${line} of what only the rival has\n`).join(
      '',
    );
    shell(
      sample.source,
      `git checkout -q rival; cat > long.txt <<'END'\n${text}END\ngit add .; git commit -qm long`,
    );
    shell(sample.source, `git push -q -f ${sample.at()} rival:${RIVAL}; git checkout -q -b thief main`);
    shell(sample.source, `cat > long.txt <<'END'\n${text}one more\nEND\ngit add .; git commit -qm thief`);
    const thief = run(sample.source, ['rev-parse', 'thief']);
    const idOf = (name: string) => run(sample.source, ['rev-parse', name]);
    const objects = `-${idOf('rival')}\n${thief}\n${idOf('thief^{tree}')}\n${idOf('thief:long.txt')} long.txt\n`;
    const thin = await packOf(sample.source, objects);
    expect(thin.length).toBeLessThan(1000);
    expect((await push([`${ABSENT} ${thief} ${TASK}`], thin)).text).not.toMatch(/ok refs/);
    expect(await sample.hub.resolve(WORKSPACE, 'source', TASK)).toBeUndefined();
    const whole = await packOf(sample.source, `${thief}\n^${main}\n`, '--revs');
    expect((await push([`${ABSENT} ${thief} ${TASK}`], whole)).text).toContain(`ok ${TASK}`);
  });
});

describe('what a push may do', () => {
  test('a ref outside the grant refuses the whole push, and the client is told which', async () => {
    await cloned();
    const before = await refs();
    const pushed = await client(clone, ['push', url(), 'HEAD:refs/heads/main', `HEAD:${TASK}`]);
    expect(pushed.code).not.toBe(0);
    expect(pushed.said).toContain('[remote rejected] HEAD -> main (this token may not write this ref)');
    expect(await refs()).toEqual(before);
  });

  test.each([
    'refs/heads/task/tk_10',
    'refs/heads/task/tk_1/x',
    'refs/berth/turns/at_10/1',
    'refs/berth/secret/1',
  ])('%s is not covered', async (ref) => {
    await cloned();
    expect((await client(clone, ['push', '-f', url(), `HEAD:${ref}`])).code).not.toBe(0);
    expect((await refs())[ref] ?? main).toBe(main);
  });

  test('nothing can be deleted', async () => {
    await cloned();
    await client(clone, ['push', '-q', url(), `HEAD:${TASK}`]);
    const deleted = await client(clone, ['push', url(), `:${TASK}`]);
    expect(deleted.code).not.toBe(0);
    expect(await sample.hub.resolve(WORKSPACE, 'source', TASK)).toBeDefined();
  });

  test('a commit with a hostile .gitmodules or a .git folder is refused by git’s own check', async () => {
    await cloned();
    shell(
      clone,
      `printf '[submodule "x"]\\n\\tpath = x\\n\\turl = -u./payload\\n' > .gitmodules; git add .gitmodules; git commit -qm m`,
    );
    expect((await client(clone, ['push', url(), `HEAD:${TASK}`])).said).toMatch(/fsck|gitmodulesUrl/);
    const blob = run(clone, ['rev-parse', 'HEAD:work']);
    const tree = shell(clone, `printf '100644 blob ${blob}\\t.git\\n' | git mktree`);
    const commit = run(clone, ['commit-tree', tree.trim(), '-m', 'x']);
    expect((await client(clone, ['push', url(), `${commit}:${TASK}`])).said).toMatch(/hasDotgit/i);
    expect(await sample.hub.resolve(WORKSPACE, 'source', TASK)).toBeUndefined();
  });

  test('a push beyond the cap changes nothing', async () => {
    await cloned();
    shell(clone, 'head -c 6000000 /dev/urandom > big; git add big; git commit -qm big');
    expect((await client(clone, ['push', '-q', url(), `HEAD:${TASK}`])).code).not.toBe(0);
    expect(await sample.hub.resolve(WORKSPACE, 'source', TASK)).toBeUndefined();
    expect((await client(clone, ['push', '-q', url(), `HEAD~1:${TASK}`])).code).toBe(0);
  });

  const post = (body: Buffer, headers = {}) =>
    raw('POST', `/git/${WORKSPACE}/source.git/git-receive-pack`, body, headers);
  const command = (ref: string, to = main) => `${ABSENT} ${to} ${ref}`;

  test.each([
    ['no packet lines', Buffer.from('hello, this is no packet line')],
    ['an early end', pktLine(`${command(TASK)}\0report-status`)],
    ['a length below four', Buffer.from('0002')],
    ['a delimiter instead of the end', Buffer.concat([pktLine(command(TASK)), Buffer.from('0001')])],
    ['a second zero byte', Buffer.concat([pktLine(`${command(TASK)}\0a\0b`), FLUSH])],
    ['a certificate', Buffer.concat([pktLine('push-cert\0report-status'), FLUSH])],
    ['too many commands', Buffer.concat([...Array(300).fill(pktLine(command(TASK))), FLUSH])],
  ])('%s is a bad request', async (_what, body) => {
    expect(await post(body)).toMatchObject({ status: 400 });
    expect(await sample.hub.resolve(WORKSPACE, 'source', TASK)).toBeUndefined();
  });

  test.each([
    `refs/heads/../../${TASK}`,
    'refs/berth/turns/at_1/../../secret/1',
    `${TASK}\n`,
    `${TASK} refs/heads/main`,
    '--help',
    'HEAD',
    'refs/berth/turns/at_1/-x',
  ])('the ref %j is refused with a report', async (ref) => {
    const before = await refs();
    const body = Buffer.concat([pktLine(`${command(ref)}\0report-status`), pktLine(command(TASK)), FLUSH]);
    const { status, text } = await post(gzipSync(body), { 'content-encoding': 'gzip' });
    // A name that ends in a line feed is the name without it; the push then fails for its missing pack.
    if (status === 200 && ref !== `${TASK}\n`) expect(text).toMatch(/ng .*(not a ref name|may not write)/);
    expect(await refs()).toEqual(before);
  });

  test('a declared length beyond the cap is answered at once; a bomb ends the connection', async () => {
    const declared = raw('POST', `/git/${WORKSPACE}/source.git/git-upload-pack`, Buffer.alloc(3_000_001));
    expect((await declared.catch(() => ({ status: 413 }))).status).toBe(413);
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    const target = `/git/${WORKSPACE}/source.git/git-upload-pack`;
    const answer = await raw('POST', target, bomb, { 'content-encoding': 'gzip' }).catch(() => undefined);
    expect(answer?.text ?? '').not.toContain('PACK');
    expect((await client(sample.folder, ['ls-remote', url()])).code).toBe(0);
  });

  test('git gets the list that we wrote, without capabilities that we do not know', () => {
    const sent = Buffer.concat([pktLine(`${command(TASK)}\0report-status push-options agent=x`), FLUSH]);
    const head = parsePushHead(sent);
    if (head.kind !== 'push') throw new Error(head.kind);
    const rewritten = Buffer.concat([pktLine(`${command(TASK)}\0report-status`), FLUSH]);
    expect(encodePushHead(head.push)).toEqual(rewritten);
    expect(head.bodyAt).toBe(sent.length);
  });
});

describe('a sandbox that asks and says nothing more', () => {
  test('holds its own places alone, and those only for a while', async () => {
    const limits = {
      maxProcesses: 5,
      maxProcessesPerSandbox: 4,
      maxWaitingPerSandbox: 4,
      clientIdleMs: 1500,
    };
    const grants = { [TOKEN]: { workspaceId: WORKSPACE, writeRefs: [TASK] } };
    const narrow = await serveHub(sample.hubFolder, grants, limits);
    const answers: (number | 'ended')[] = [];
    const silent = Array.from({ length: 12 }, () => {
      const sent = request(`${narrow.url}/git/${WORKSPACE}/source.git/git-upload-pack`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'x-sandbox': 'sb_silent', 'content-length': '1000' },
      });
      const done = new Promise<void>((resolve) => {
        sent.once('response', (response) => {
          if (response.statusCode !== 200) answers.push(response.statusCode ?? 0);
          response.on('error', () => undefined).resume();
        });
        sent.on('error', () => undefined);
        sent.once('close', resolve);
      });
      sent.flushHeaders();
      return done;
    });
    await expect.poll(() => answers).toEqual([503, 503, 503, 503]);
    expect(
      await client(sample.folder, ['clone', '-q', `${narrow.url}/git/${WORKSPACE}/source.git`, clone]),
    ).toMatchObject({ code: 0 });
    await Promise.all(silent);
    expect(narrow.logged).toEqual([]);
    await narrow.end();
  }, 20_000);
});
