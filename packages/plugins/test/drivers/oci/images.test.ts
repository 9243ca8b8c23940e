/** Sandboxes from every kind of archive, from honest tools and from others, with the real runtime. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { arch, execPath } from 'node:process';
import { promisify } from 'node:util';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { Driver, DriverHost } from '@berth/plugin-api';
import { type GuestClient, guestClient } from '@berth/plugin-api/conformance';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import { driverHost } from '../../../testing/driver-host.ts';

const run = promisify(execFile);
const TIMEOUT = { timeout: 60_000 };
const ARCHITECTURE = { x64: 'amd64', ia32: '386' }[arch as string] ?? arch;
const HERE = { os: 'linux', architecture: ARCHITECTURE };

const stack = new AsyncDisposableStack();
let host: DriverHost;
let driver: Driver;
let place: string;
/** A root file system with a shell, `cat` and what they and Node are linked to, and nothing else. */
let base: Buffer;
let count = 0;

beforeAll(async () => {
  host = stack.use(await driverHost());
  driver = openOci(plugin.config.parse({ unusedImagesKeptMs: 0 }), host);
  place = join(host.folder, '..');
  const programs = ['/bin/sh', '/bin/cat', '/bin/ls'];
  const { stdout } = await run('ldd', [execPath, ...programs]);
  const libraries = [...new Set(stdout.match(/\/[^\s:]+\.so[^\s:]*/g))];
  const names = [...programs, ...libraries].map((path) => path.slice(1));
  base = await tar(['-C', '/', '--dereference', ...names]);
}, 60_000);

afterAll(() => stack.disposeAsync());

const fresh = (name: string): string => join(place, `${name}-${++count}`);

const tar = async (args: readonly string[]): Promise<Buffer> => {
  const { stdout } = await run('tar', ['-cf', '-', ...args], { encoding: 'buffer', maxBuffer: 2 ** 30 });
  return stdout;
};

/** A tar of these files; a text that begins with `->` is a link, a name that ends with `/` a folder. */
const layer = async (files: Readonly<Record<string, string>>): Promise<Buffer> => {
  const folder = fresh('layer');
  await mkdir(folder);
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(name.endsWith('/') ? path : dirname(path), { recursive: true });
    if (text.startsWith('->')) await symlink(text.slice(2), path);
    else if (!name.endsWith('/')) await writeFile(path, text, { mode: 0o644 });
  }
  return await tar(['-C', folder, '--owner=0', '--group=0', ...(await readdir(folder))]);
};

interface Header {
  readonly name: string;
  readonly type?: string;
  readonly link?: string;
  readonly text?: string;
  readonly mode?: number;
}

/** Entry by entry, as no `tar` would write them. */
const forged = (...entries: readonly Header[]): Buffer => {
  const blocks = entries.map(({ name, type = '0', link = '', text = '', mode = 0o644 }) => {
    const block = Buffer.alloc(512 + Math.ceil(text.length / 512) * 512);
    block.write(name, 0);
    block.write(`${mode.toString(8).padStart(7, '0')}\0${'0000000\0'.repeat(2)}`, 100);
    block.write(
      `${text.length.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0        ${type}${link}`,
      124,
    );
    block.write('ustar\x0000', 257);
    block.write(text, 512);
    const sum = block.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return block;
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
};

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');
const asIs = (bytes: Buffer): Buffer => bytes;

/** Files by their path in the archive. */
type Files = Record<string, Buffer | string>;

const archiveOf = async (files: Files): Promise<string> => {
  const folder = fresh('archive');
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    if (typeof content === 'string' && content.startsWith('->'))
      await symlink(content.slice(2), join(folder, name));
    else await writeFile(join(folder, name), content);
  }
  await run('tar', ['-C', folder, '-cf', `${folder}.tar`, ...(await readdir(folder))]);
  return `${folder}.tar`;
};

interface Built {
  readonly files: Files;
  readonly descriptor: { readonly digest: string; readonly size: number; readonly mediaType: string };
}

const blobOf = (files: Files, content: Buffer | string, mediaType: string): Built['descriptor'] => {
  const hex = sha256(content);
  files[`blobs/sha256/${hex}`] = content;
  return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(content) };
};

const OCI = 'application/vnd.oci.image';

interface Say {
  readonly layers: readonly Buffer[];
  readonly compress?: (bytes: Buffer) => Buffer;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly env?: readonly string[];
}

const manifestOf = ({ layers, compress = asIs, platform = HERE, env = [] }: Say): Built => {
  const files: Files = {};
  const config = {
    ...platform,
    config: { Env: env },
    rootfs: { type: 'layers', diff_ids: layers.map((one) => `sha256:${sha256(one)}`) },
  };
  const manifest = {
    schemaVersion: 2,
    config: blobOf(files, JSON.stringify(config), `${OCI}.config.v1+json`),
    layers: layers.map((one) => blobOf(files, compress(one), `${OCI}.layer.v1.tar`)),
  };
  return { files, descriptor: blobOf(files, JSON.stringify(manifest), `${OCI}.manifest.v1+json`) };
};

const layoutOf = (built: readonly Built[], descriptors: readonly object[]): Files => ({
  'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
  'index.json': JSON.stringify({ schemaVersion: 2, manifests: descriptors }),
  ...Object.assign({}, ...built.map(({ files }) => files)),
});

const oci = (say: Say): Files => {
  const built = manifestOf(say);
  return layoutOf([built], [built.descriptor]);
};

/** As Docker wrote it before version 25: folders for layers, a link for one that comes twice. */
const saved = (layers: readonly Buffer[], platform = HERE): Files => {
  const ids = layers.map((one, at) => sha256(`${at}${sha256(one)}`));
  const diffIds = layers.map((one) => `sha256:${sha256(one)}`);
  const config = JSON.stringify({ ...platform, rootfs: { type: 'layers', diff_ids: diffIds } });
  const paths = ids.map((id) => `${id}/layer.tar`);
  const first = (at: number): number => layers.findIndex((one) => one.equals(layers[at] ?? one));
  return {
    [`${sha256(config)}.json`]: config,
    'manifest.json': JSON.stringify([
      { Config: `${sha256(config)}.json`, RepoTags: ['it:latest'], Layers: paths },
    ]),
    ...Object.fromEntries(
      layers.map((one, at) => [paths[at], first(at) === at ? one : `->../${ids[first(at)]}/layer.tar`]),
    ),
  };
};

const spec = (id: string, image: string) => ({ id, image, layers: [], limits: {}, env: {}, tools: [] });

/** What a sandbox of this image says to a line for its shell. */
const inside = async (
  image: string,
  act: (sh: (line: string) => Promise<string>, client: GuestClient) => Promise<void>,
) => {
  const id = `sb_image_${++count}`;
  await driver.create(spec(id, image), AbortSignal.timeout(30_000));
  try {
    using client = await guestClient(await driver.connect(id));
    await act(async (line) => {
      const { stdout, stderr } = await client.run(['/bin/sh', '-c', line]);
      return stdout + stderr;
    }, client);
  } finally {
    await driver.destroy(id);
  }
};

const refused = async (image: string, reason: RegExp): Promise<void> => {
  await expect(driver.create(spec('sb_refused', image), AbortSignal.timeout(30_000))).rejects.toMatchObject({
    code: 'image.unusable',
    message: expect.stringMatching(reason),
  });
  expect(await Array.fromAsync(driver.list())).toEqual([]);
  expect(await readdir(join(host.folder, 'trash'))).toEqual([]);
};

describe('a sandbox starts from', () => {
  const upper = () => layer({ 'greeting/text': 'from above', 'etc/passwd': 'root:x:0:0::/root:/bin/sh\n' });

  it.each([
    ['plain', asIs],
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
    [
      'gzip in two members',
      (bytes: Buffer) => Buffer.concat([gzipSync(bytes.subarray(0, 700)), gzipSync(bytes.subarray(700))]),
    ],
    [
      'zstd in two frames with one to skip',
      (bytes: Buffer) =>
        Buffer.concat([
          zstdCompressSync(bytes.subarray(0, 700)),
          Buffer.from('502a4d1804000000deadbeef', 'hex'),
          zstdCompressSync(bytes.subarray(700)),
        ]),
    ],
  ])('an OCI layout with layers of %s', TIMEOUT, async (_, compress) => {
    const image = await archiveOf(oci({ layers: [base, await upper()], compress }));
    await inside(image, async (sh) => {
      expect(await sh('cat /greeting/text')).toBe('from above');
      expect(await sh('cat /etc/passwd')).toBe(
        'root:x:0:0::/root:/bin/sh\nagent:x:1000:1000::/home/agent:/bin/sh\n',
      );
      expect(await sh('ls /')).not.toMatch(/blobs|index\.json/);
    });
  });

  it(
    'what docker save wrote before version 25, where a layer that comes twice is a link',
    TIMEOUT,
    async () => {
      const twice = await upper();
      const image = await archiveOf(saved([base, twice, await layer({ 'greeting/text': 'between' }), twice]));
      await inside(image, async (sh) => expect(await sh('cat /greeting/text')).toBe('from above'));
    },
  );

  it('what docker save writes now, compressed as a whole', TIMEOUT, async () => {
    const layers = [base, await upper()];
    const files = oci({ layers });
    const config = Object.keys(files).find((name) => String(files[name]).startsWith('{"os"')) ?? '';
    const paths = layers.map((one) => `blobs/sha256/${sha256(one)}`);
    const manifest = JSON.stringify([{ Config: config, RepoTags: null, Layers: paths }]);
    const both = await archiveOf({ ...files, 'manifest.json': manifest });
    const { 'oci-layout': _, ...rest } = files;
    const alone = await archiveOf({ ...rest, 'manifest.json': manifest });
    for (const image of [both, alone]) {
      await writeFile(`${image}.gz`, gzipSync(await readFile(image)));
      await inside(`${image}.gz`, async (sh) => expect(await sh('cat /greeting/text')).toBe('from above'));
    }
  });

  it.each([
    ['plain', asIs],
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])(
    'a tar of one root, %s, which may hold files named as those of archives',
    TIMEOUT,
    async (_, compress) => {
      const folder = fresh('root');
      await mkdir(folder);
      await writeFile(join(folder, 'base.tar'), base);
      await run('tar', ['-C', folder, '-xf', join(folder, 'base.tar')]);
      await writeFile(join(folder, 'manifest.json'), '{"name":"an app"}');
      await writeFile(`${folder}.tar`, compress(await tar(['-C', folder, '--exclude=base.tar', '.'])));
      await inside(`${folder}.tar`, async (sh) =>
        expect(await sh('cat /manifest.json')).toBe('{"name":"an app"}'),
      );
    },
  );

  it('the image for this machine among others, within an index within an index', TIMEOUT, async () => {
    const ours = manifestOf({ layers: [base, await upper()] });
    const variant = manifestOf({ layers: [base] });
    const files: Files = {};
    const index = {
      schemaVersion: 2,
      manifests: [
        // Not in the archive: it was saved for one platform alone.
        {
          ...variant.descriptor,
          digest: `sha256:${sha256('absent')}`,
          platform: { os: 'linux', architecture: 's390x' },
        },
        { ...variant.descriptor, platform: { ...HERE, variant: 'v9' } },
        {
          ...variant.descriptor,
          digest: `sha256:${sha256('proof')}`,
          platform: { os: 'unknown', architecture: 'unknown' },
        },
        { ...ours.descriptor, platform: HERE },
      ],
    };
    const outer = blobOf(files, JSON.stringify(index), `${OCI}.index.v1+json`);
    const image = await archiveOf({ ...layoutOf([ours, variant], [outer]), ...files });
    await inside(image, async (sh) => expect(await sh('cat /greeting/text')).toBe('from above'));
  });
});

describe('of the layers of an image', () => {
  const withLayers = async (...layers: readonly Buffer[]) => archiveOf(oci({ layers: [base, ...layers] }));

  it(
    'a later one deletes, hides and replaces what is below, and not what it brings itself',
    TIMEOUT,
    async () => {
      const below = await layer({
        'd/gone': '',
        'd/kept': '',
        'whole/a/b': '',
        'opaque/old': '',
        'opaque/deep/old': '',
        'file-then-folder': '',
        'folder-then-file/a': '',
        link: '->d',
      });
      const above = await layer({
        'd/.wh.gone': '',
        'd/.wh.never': '',
        'd/.wh.both': '',
        'd/both': 'mine',
        '.wh.whole': '',
        'opaque/.wh..wh..opq': '',
        'opaque/deep/new': '',
        'opaque/new': '',
        'file-then-folder/in': '',
        'folder-then-file': 'a file',
        'link/in': '',
        '.wh..wh.plnk': '',
      });
      await inside(await withLayers(below, above), async (sh) => {
        expect(
          await sh('cd /; ls -d d/* opaque/* opaque/deep/* file-then-folder/* folder-then-file link/*'),
        ).toBe(
          'd/both\nd/kept\nfile-then-folder/in\nfolder-then-file\nlink/in\nopaque/deep\nopaque/deep/new\nopaque/new\n',
        );
        expect(await sh('ls -a /opaque/deep /opaque /d /')).not.toMatch(/\bold\b|\.wh\.|whole/);
        expect(await sh('cat /d/both /folder-then-file')).toBe('minea file');
      });
    },
  );

  it('hard links, modes and names of every kind stay what they are', TIMEOUT, async () => {
    const long = `${'n'.repeat(120)}/${'m'.repeat(130)}`;
    const below = forged(
      { name: 'one', text: 'content' },
      { name: 'two', type: '1', link: 'one' },
      { name: 'runs', text: '#!/bin/sh\necho ran', mode: 0o755 },
      { name: 'folder/', type: '5', mode: 0o555 },
      { name: 'folder/\xe9', text: 'not UTF-8' },
    );
    const above = await layer({ [long]: 'long', '.wh.one': '' });
    const linked = forged({ name: 'three', type: '1', link: 'two' });
    await inside(await withLayers(below, above, linked), async (sh) => {
      expect(await sh(`cat /two /three /${long} /folder/*; /runs`)).toBe('contentcontentlongnot UTF-8ran\n');
      expect(await sh('[ /two -ef /three ] && [ ! -e /one ] && ls -ld /folder /runs')).toMatch(
        /^dr-xr-xr-x .* \/folder\n-rwxr-xr-x .* \/runs\n$/,
      );
    });
  });

  it('paths lead through links of lower layers, within the image', TIMEOUT, async () => {
    const hosts = await readFile('/etc/hosts', 'utf8');
    const below = await layer({
      'real/kept': '',
      'real/gone': '',
      relative: '->real',
      absolute: '->/real',
      'deep/absolute': '->/real',
      out: '->../../../../../../etc',
      'out-too': '->/etc',
      dangling: '->/not/there',
    });
    const above = forged(
      { name: 'relative/a', text: 'a' },
      { name: 'absolute/b', text: 'b' },
      { name: 'deep/absolute/e', text: 'e' },
      { name: 'absolute/.wh.gone' },
      { name: 'out/.wh.debian_version' },
      { name: 'out/hosts', text: 'mine' },
      { name: 'out-too/c', text: 'c' },
      { name: 'dangling/d', text: 'd' },
      { name: 'also-c', type: '1', link: 'out/c' },
    );
    await inside(await withLayers(below, above), async (sh) => {
      expect(await sh('ls /real; cat /real/a /real/b /etc/c /not/there/d /also-c /real/e')).toBe(
        'a\nb\ne\nkept\nabcdce',
      );
    });
    expect(await readFile('/etc/hosts', 'utf8')).toBe(hosts);
    expect([existsSync('/etc/debian_version'), existsSync('/etc/c')]).toEqual([true, false]);
  });

  it('devices and pipes are left out', TIMEOUT, async () => {
    const above = forged(
      { name: 'disk', type: '4' },
      { name: 'null', type: '3' },
      { name: 'pipe', type: '6' },
      { name: 'dev/sda', text: 'no disk' },
      { name: 'also-sda', type: '1', link: 'dev/sda' },
    );
    await inside(await withLayers(above), async (sh) => {
      expect(await sh('ls -d /disk /null /pipe /dev/sda')).toMatch(/^(.*: No such file or directory\n){4}$/);
      expect(await sh('cat /also-sda')).toBe('no disk');
    });
  });

  it('PATH of the configuration is used, and nothing else of it', TIMEOUT, async () => {
    const env = ['HOME=/elsewhere', 'PATH=/own/bin:/bin', 'SECRET=1'];
    await inside(await archiveOf(oci({ layers: [base], env })), async (sh) => {
      expect(await sh('echo $PATH $HOME $SECRET; pwd')).toBe(
        '/own/bin:/bin:/opt/berth/bin:/home/agent/.local/bin /home/agent\n/workspace\n',
      );
    });
    await inside(await archiveOf(oci({ layers: [base], env: ['PATH=bin:/bin'] })), async (sh) => {
      expect(await sh('echo $PATH')).toContain(':/usr/local/bin:');
    });
  });
});

describe('refused, with the reason, is an archive', () => {
  const biggest = (files: Files): string =>
    Object.entries(files).sort(([, a], [, b]) => Buffer.byteLength(b) - Buffer.byteLength(a))[0]?.[0] ?? '';
  const naming = (files: Files, text: string): string =>
    Object.keys(files).find((name) => name.startsWith('blobs') && String(files[name]).includes(text)) ?? '';
  const flip = (files: Files, name: string): void => {
    const bytes = Buffer.from(files[name] ?? '');
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    files[name] = bytes;
  };
  const INDEX = 'index.json';

  it.each<[string, RegExp, (files: Files) => void]>([
    [
      'whose layer has another digest',
      /sha256:\w{64} in it does not match its digest/,
      (it) => flip(it, biggest(it)),
    ],
    [
      'whose config has another digest',
      /does not match its digest/,
      (it) => flip(it, naming(it, 'diff_ids')),
    ],
    [
      'whose manifest has another digest',
      /does not match its digest/,
      (it) => flip(it, naming(it, 'schemaVersion')),
    ],
    [
      'that lacks a layer',
      /blobs\/sha256\/\w+ is missing from it; save/,
      (it) => {
        delete it[biggest(it)];
      },
    ],
    [
      'whose index is huge',
      /index\.json is longer than/,
      (it) => {
        it[INDEX] = `${' '.repeat(5 * 2 ** 20)}${it[INDEX]}`;
      },
    ],
    [
      'whose index is no JSON',
      /index\.json is not JSON/,
      (it) => {
        it[INDEX] = '{';
      },
    ],
    [
      'whose index is none',
      /index\.json is invalid: manifests/,
      (it) => {
        it[INDEX] = '{}';
      },
    ],
  ])('%s', TIMEOUT, async (_, reason, change) => {
    const files = oci({ layers: [base], compress: gzipSync });
    change(files);
    await refused(await archiveOf(files), reason);
  });

  /** A file of 2^40 bytes, as its header says. */
  const huge = (): Buffer => {
    const bytes = forged({ name: 'a' });
    bytes.write('20000000000000\0'.slice(-12), 124);
    bytes.write('        ', 148);
    bytes[124] = 0x80;
    bytes.fill(0, 125, 136);
    bytes[130] = 1;
    const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return bytes;
  };

  it.each<[string, RegExp, () => Buffer]>([
    ['climbs', /"\.\.\/\.\.\/etc\/up" in it escapes it/, () => forged({ name: '../../etc/up', text: 'x' })],
    ['climbs in a deletion', /escapes it/, () => forged({ name: 'a/../../.wh.etc' })],
    [
      'links to what is not in it',
      /names "\/etc\/up"/,
      () => forged({ name: 'a', type: '1', link: '/etc/up' }),
    ],
    [
      'puts a file below a file',
      /below "a", which is not a folder/,
      () => forged({ name: 'a' }, { name: 'a/b' }),
    ],
    [
      'goes in circles',
      /link loop/,
      () =>
        forged({ name: 'a', type: '2', link: 'b' }, { name: 'b', type: '2', link: 'a/c' }, { name: 'a/d' }),
    ],
    ['is no tar', /not a tar archive/, () => Buffer.alloc(1024, 'x')],
    ['is cut off', /is truncated/, () => forged({ name: 'a', text: 'x'.repeat(9000) }).subarray(0, 2000)],
    ['has a sparse file', /--sparse/, () => forged({ name: 'a', type: 'S' })],
    ['states a size beyond all bounds', /unpacks to more than \d+ bytes/, huge],
  ])('with a layer that %s', TIMEOUT, async (_, reason, make) => {
    await refused(await archiveOf(oci({ layers: [base, make()] })), reason);
    expect(existsSync('/etc/up')).toBe(false);
  });

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])('with damaged %s in it', TIMEOUT, async (_, compress) => {
    const damage = (bytes: Buffer): Buffer => compress(bytes).fill(0xa5, 20_000, 40_000);
    await refused(await archiveOf(oci({ layers: [base], compress: damage })), /corrupt|is truncated/);
  });

  it('that is for another machine, or for several uses', TIMEOUT, async () => {
    const platform = { os: 'linux', architecture: 's390x' };
    const foreign = manifestOf({ layers: [base], platform });
    const reason = new RegExp(`linux/s390x.* this machine is linux/${ARCHITECTURE}: save`);
    await refused(await archiveOf(layoutOf([foreign], [{ ...foreign.descriptor, platform }])), reason);
    await refused(await archiveOf(layoutOf([foreign], [foreign.descriptor])), reason);
    await refused(await archiveOf(saved([base], platform)), reason);
    const [one, two] = [manifestOf({ layers: [base] }), manifestOf({ layers: [base], env: ['A=1'] })];
    const named = { ...two.descriptor, annotations: { 'org.opencontainers.image.ref.name': 'second' } };
    await refused(
      await archiveOf(layoutOf([one, two], [one.descriptor, named])),
      /several images \(.*second.*; save one/,
    );
    const tagged = await archiveOf(layoutOf([one], [one.descriptor, one.descriptor]));
    await inside(tagged, async (sh) => expect(await sh('echo fine')).toBe('fine\n'));
  });

  it('of docker save, with another content', TIMEOUT, async () => {
    const files = saved([base]);
    const isConfig = (name: string) => name.endsWith('.json') && name !== 'manifest.json';
    const config = Object.keys(files).find(isConfig) ?? '';
    for (const name of [biggest(files), config]) {
      const changed = { ...files };
      flip(changed, name);
      await refused(await archiveOf(changed), /does not match its digest/);
    }
    const more = String(files['manifest.json']).replace('"Layers":[', '"Layers":["x",');
    await refused(await archiveOf({ ...files, 'manifest.json': more }), /2 layers and digests of 1/);
  });

  it('of too many layers', TIMEOUT, async () => {
    const built = manifestOf({ layers: Array.from({ length: 300 }, (_, at) => forged({ name: `f${at}` })) });
    await refused(await archiveOf(layoutOf([built], [built.descriptor])), /more than 256 layers/);
  });

  it('with indexes within indexes without end', TIMEOUT, async () => {
    const files: Files = {};
    const image = manifestOf({ layers: [base] });
    let inner = image.descriptor;
    for (let depth = 0; depth < 120; depth += 1)
      inner = blobOf(files, JSON.stringify({ manifests: [inner] }), `${OCI}.index.v1+json`);
    await refused(await archiveOf({ ...layoutOf([image], [inner]), ...files }), /more than 100 manifests/);
  });

  it('that is none, or cannot be read', TIMEOUT, async () => {
    const path = fresh('none');
    await refused(path, /no such file/);
    await refused('/dev/zero', /not a file/);
    await refused('image.tar', /absolute path/);
    await writeFile(path, 'not a tar');
    await refused(path, /is truncated|not a tar/);
    await writeFile(path, gzipSync('not a tar'));
    await refused(path, /is truncated|not a tar/);
    await refused(await archiveOf({ 'a/file': '' }), /no \/bin\/sh/);
    await refused(
      await archiveOf(oci({ layers: [forged({ name: 'bin/sh', mode: 0o755 })] })),
      /libc\.so\.6 is missing .* Debian/,
    );
    await refused(
      await archiveOf({ 'manifest.json': '[]' }),
      /archive of layers whose manifest cannot be read/,
    );
  });
});

describe('an unpacked image', () => {
  const kept = () => readdir(join(host.folder, 'images'));
  const open = (unusedImagesKeptMs: number) => openOci(plugin.config.parse({ unusedImagesKeptMs }), host);
  const start = (by: Driver, id: string, image: string) =>
    by.create(spec(id, image), AbortSignal.timeout(30_000));

  it('is shared while a sandbox uses it, and removed when none does', TIMEOUT, async () => {
    const image = await archiveOf(oci({ layers: [base, await layer({ shared: '' })] }));
    await Promise.all(['sb_share_a', 'sb_share_b'].map((id) => start(driver, id, image)));
    expect(await kept()).toHaveLength(1);
    await driver.destroy('sb_share_a');
    expect(await kept()).toHaveLength(1);
    using client = await guestClient(await driver.connect('sb_share_b'));
    expect((await client.run(['ls', '/shared'])).exitCode).toBe(0);
    // A later server knows of the use, too.
    const later = open(0);
    await later.destroy('sb_unknown');
    expect(await kept()).toHaveLength(1);
    await later.destroy('sb_share_b');
    expect(await kept()).toEqual([]);
  });

  it('is kept for a while after its last use, and not unpacked again meanwhile', TIMEOUT, async () => {
    const keeper = open(60_000);
    const image = await archiveOf(oci({ layers: [base, await layer({ again: '' })] }));
    await start(keeper, 'sb_keep_a', image);
    await keeper.destroy('sb_keep_a');
    const [hash = ''] = await kept();
    const folder = join(host.folder, 'images', hash);
    const { ino } = await stat(folder);
    await utimes(folder, 0, 0);
    await start(keeper, 'sb_keep_b', image);
    expect((await stat(folder)).ino).toBe(ino);
    await keeper.destroy('sb_keep_b');
    expect(await kept()).toEqual([hash]);
    await utimes(folder, 0, 0);
    await keeper.destroy('sb_unknown');
    expect(await kept()).toEqual([]);
  });

  it('is another one when the archive has changed', TIMEOUT, async () => {
    const image = await archiveOf(oci({ layers: [base, await layer({ text: 'first' })] }));
    const second = await archiveOf(oci({ layers: [base, await layer({ text: 'other' })] }));
    await inside(image, async (sh) => expect(await sh('cat /text')).toBe('first'));
    await copyFile(second, image);
    await inside(image, async (sh) => expect(await sh('cat /text')).toBe('other'));
  });
});
