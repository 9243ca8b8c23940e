/**
 * What a viewer sees of the files in a sandbox: what lies below its root, without git's own folders. No link is
 * followed, because it could lead to what is no work: environments of processes, homes, logs. Whoever is inside could
 * exchange a file for a link in the meantime, and gains nothing: what it can read, it could have copied here.
 */
import { posix } from 'node:path';
import { fail } from '@berth/contract';
import type { Files, Sandbox } from '@berth/plugin-api';

type Kind = 'file' | 'folder';

export const viewerFiles = ({
  root,
  files,
}: Pick<Sandbox, 'root' | 'files'>): Pick<Files, 'open' | 'read' | 'list'> => {
  const shown = async (asked: string, wanted: Kind): Promise<string> => {
    const names = namesBelow(root, asked);
    for (const [index] of names.entries()) {
      const { kind } = await files.stat([root, ...names.slice(0, index + 1)].join('/'));
      const expected = index === names.length - 1 ? wanted : 'folder';
      if (kind === 'link') throw refusal(asked, 'links are not followed for a viewer');
      if (kind !== expected) throw refusal(asked, `it is no ${expected}`);
    }
    return [root, ...names].join('/');
  };
  return {
    open: async (path, maxBytes) => files.open(await shown(path, 'file'), maxBytes),
    read: async (path, maxBytes) => files.read(await shown(path, 'file'), maxBytes),
    list: async (path) => {
      const entries = await files.list(await shown(path, 'folder'));
      return entries.filter(({ name }) => name !== '.git');
    },
  };
};

const namesBelow = (root: string, asked: string): string[] => {
  const path = posix.resolve(root, asked);
  if (path !== root && !path.startsWith(`${root}/`))
    throw refusal(asked, `a viewer sees what is below ${root}; ask with an operator's token`);
  const names = path.slice(root.length).split('/').filter(Boolean);
  if (names.includes('.git')) throw refusal(asked, "git's own folders are not shown to a viewer");
  return names;
};

const refusal = (asked: string, reason: string) =>
  fail('file.refused', { path: asked.slice(0, 1000), reason });
