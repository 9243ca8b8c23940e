/** The packages of an npm, pnpm or yarn workspace: the manifests that the root names as members. */
import { parseWithin } from '@berth/plugin-api';
import { z } from 'zod';
import { matchesGlob } from './glob.ts';
import type { RepositoryFiles } from './path-index.ts';

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
const MAX_PATTERNS = 100;
const MAX_MANIFESTS = 2000;

/**
 * An unreadable manifest has no scripts, so the gate finds nothing and refuses, which is the safe outcome.
 */
export const packageAt = ({ texts }: Pick<RepositoryFiles, 'texts'>, path = ROOT): Package => {
  const { name, scripts = {} } = manifestOf(texts[path]);
  return { name, scripts };
};

/** Paths of the members' manifests, by name; empty if the root names no members. */
export const memberPaths = ({ paths, texts }: Pick<RepositoryFiles, 'paths' | 'texts'>): string[] => {
  const patterns = [...(manifestOf(texts[ROOT]).workspaces ?? []), ...pnpmPatterns(texts[PNPM] ?? '')].slice(
    0,
    MAX_PATTERNS,
  );
  if (patterns.length === 0) return [];
  const isMember = (folder: string): boolean =>
    patterns.some((pattern) => !pattern.startsWith('!') && isIn(pattern, folder)) &&
    !patterns.some((pattern) => pattern.startsWith('!') && isIn(pattern.slice(1), folder));
  return [...paths]
    .filter((path) => path.endsWith(`/${ROOT}`) && !path.includes('node_modules/'))
    .sort()
    .slice(0, MAX_MANIFESTS)
    .filter((path) => isMember(path.slice(0, -ROOT.length - 1)))
    .slice(0, MAX_MEMBERS);
};

/** Manifests that exist and can be read, starting with the root's. */
export const manifestsOf = (files: Pick<RepositoryFiles, 'paths' | 'texts'>): string[] =>
  [ROOT, ...memberPaths(files)].filter((path) => files.texts[path] !== undefined);

const manifestOf = (text: string | undefined): z.infer<typeof Manifest> => {
  const manifest = Manifest.safeParse(text === undefined ? undefined : parsed(text));
  return manifest.success ? manifest.data : {};
};

const parsed = (text: string): unknown => {
  try {
    return parseWithin(text);
  } catch {
    return undefined;
  }
};

/** The list below `packages:`, written by convention with one entry per line. */
const pnpmPatterns = (text: string): string[] => {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith('packages:')) + 1;
  if (start === 0) return [];
  const rest = lines.slice(start);
  const end = rest.findIndex((line) => line.trim() !== '' && !/^[ \t]*[-#]/.test(line));
  return rest.slice(0, end < 0 ? undefined : end).flatMap((line) => {
    const [, quote = '', value = ''] = /^[ \t]*-[ \t]*(['"]?)([^'"#]+)/.exec(line) ?? [];
    const isWhole = quote === '' || line.includes(quote, line.indexOf(quote) + 1);
    return isWhole && value.trim() !== '' ? [value.trim()] : [];
  });
};

const isIn = (pattern: string, folder: string): boolean =>
  matchesGlob(withoutEnd(pattern.replace(/^\.\//, '')), folder);

const withoutEnd = (pattern: string): string => {
  let end = pattern.length;
  while (pattern[end - 1] === '/') end -= 1;
  return pattern.slice(0, end);
};
