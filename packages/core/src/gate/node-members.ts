/** The packages of an npm, pnpm or yarn workspace: which manifests of a repository its root names as members. */
import { z } from 'zod';
import type { RepositoryFiles } from './files.ts';

const Patterns = z.array(z.string());
const Manifest = z.object({
  name: z.string().optional().catch(undefined),
  scripts: z.record(z.string(), z.string()).optional(),
  workspaces: z
    .union([Patterns, z.object({ packages: Patterns }).transform(({ packages }) => packages)])
    .optional()
    .catch(undefined),
});

export interface Package {
  readonly name?: string | undefined;
  readonly scripts: Readonly<Record<string, string>>;
}

const ROOT = 'package.json';
const PNPM = 'pnpm-workspace.yaml';
const MAX_MEMBERS = 200;

/** An unreadable manifest has no scripts: the gate then finds nothing and refuses, which is the safe side. */
export const packageAt = ({ texts }: Pick<RepositoryFiles, 'texts'>, path = ROOT): Package => {
  const { name, scripts = {} } = manifestOf(texts[path]);
  return { name, scripts };
};

/** Paths of the members' manifests, by name; none where the root names no members. */
export const memberPaths = ({ paths, texts }: Pick<RepositoryFiles, 'paths' | 'texts'>): string[] => {
  const patterns = [...(manifestOf(texts[ROOT]).workspaces ?? []), ...pnpmPatterns(texts[PNPM] ?? '')];
  if (patterns.length === 0) return [];
  const isMember = (folder: string): boolean =>
    patterns.some((pattern) => !pattern.startsWith('!') && matches(pattern, folder)) &&
    !patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1), folder));
  return [...paths]
    .filter((path) => path.endsWith(`/${ROOT}`) && !path.includes('node_modules/'))
    .filter((path) => isMember(path.slice(0, -ROOT.length - 1)))
    .sort()
    .slice(0, MAX_MEMBERS);
};

const manifestOf = (text: string | undefined): z.infer<typeof Manifest> => {
  const manifest = Manifest.safeParse(text === undefined ? undefined : parsed(text));
  return manifest.success ? manifest.data : {};
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** The list below `packages:`, which people write one entry a line. */
const pnpmPatterns = (text: string): string[] => {
  const [, list = ''] = /^packages:[^\n]*\n((?:[ \t]*(?:-|#)[^\n]*\n?|\s*\n)*)/m.exec(text) ?? [];
  return [...list.matchAll(/^[ \t]*-[ \t]*(['"]?)([^'"#\n]+)\1/gm)].map(([, , pattern = '']) =>
    pattern.trim(),
  );
};

/** Globs as workspaces use them: `*` within a folder's name, `**` across folders. */
const matches = (pattern: string, folder: string): boolean => {
  const source = pattern
    .replace(/^\.\//, '')
    .replace(/\/+$/, '')
    .split(/(\*\*|\*)/)
    .map((part) =>
      part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'),
    )
    .join('');
  return new RegExp(`^${source}$`).test(folder);
};
