/**
 * Who may import whom. The rules are data; the check resolves every import of the tree to a file or a package and
 * asks each rule. dependency-cruiser would read the same table, but needs a compiler API that TypeScript 7 lacks.
 */
import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { isCode, isTest, type Problem, type TreeFile } from './tree.ts';

/** contract ◄ plugin-api ◄ core ◄ server ► plugins; sdk ◄ cli, dashboard; guest and sdk see only contract. */
const MAY_SEE: Readonly<Record<string, readonly string[]>> = {
  contract: [],
  'plugin-api': ['contract'],
  core: ['plugin-api', 'contract'],
  plugins: ['plugin-api', 'contract'],
  server: ['core', 'plugin-api', 'contract', 'guest', 'plugins'],
  guest: ['contract'],
  sdk: ['contract'],
  cli: ['sdk', 'contract'],
  dashboard: ['sdk', 'contract'],
};

/** Additional imports allowed in tests: system tests of the server use its clients. */
const TESTS_MAY_SEE: Readonly<Record<string, readonly string[]>> = { server: ['sdk', 'cli'] };

/** Folders of the server, the lowest first: each sees what lies below it, and none its peers. */
const SERVER_LEVELS: readonly (readonly string[])[] = [
  ['system', 'telemetry'],
  ['secrets', 'store'],
  ['config', 'git', 'guest', 'judging'],
  ['agents', 'gateway', 'home', 'machines'],
  ['doctor'],
  ['http'],
];

/** Folders of the workflows, the lowest first: each sees what lies below it. `run-task.ts` lies on top of them. */
const WORKFLOW_LEVELS: readonly (readonly string[])[] = [
  ['machine'],
  ['prebuild'],
  ['gate'],
  ['landing'],
  ['attempt'],
];

/** Layers of the core above its slices, the lowest first, and the files beside them that all may see. */
const CORE_LAYERS: readonly string[] = ['workflows', 'verbs', 'reconcilers'];
const CORE_PORTS: readonly string[] = ['ports.ts', 'git-ports.ts', 'setup-plan.ts'];

interface Import {
  readonly from: string;
  /** A file of the tree (`packages/core/src/index.ts`), or the specifier as written. */
  readonly to: string;
  /** The workspace package of the specifier: `@berth/core` is `core`. */
  readonly named: string | undefined;
  /** Erased at run time, so it cuts a cycle. */
  readonly isTypeOnly: boolean;
}

interface Rule {
  readonly name: string;
  /** `plugins` are the drivers and agents of this tree, such as `drivers/oci`. */
  readonly breaks: (edge: Import, plugins: ReadonlySet<string>) => boolean;
}

const packageOf = (path: string) => /^packages\/([^/]+)\//.exec(path)?.[1];
const sliceOf = (path: string) => /^packages\/core\/src\/([^/]+)\//.exec(path)?.[1];
const pluginOf = (path: string) => /^packages\/plugins\/src\/([^/]+\/[^/.]+)/.exec(path)?.[1];
const folderOfServer = (path: string) => /^packages\/server\/src\/([^/]+)\//.exec(path)?.[1];
const folderOfWorkflows = (path: string) =>
  /^packages\/core\/src\/workflows\/([^/]+)\/[^/]+$/.exec(path)?.[1];
const NOT_SLICES = ['kernel', ...CORE_LAYERS];

export const RULES: readonly Rule[] = [
  {
    name: 'packages-see-only-their-side',
    breaks: ({ from, named }) => {
      const own = packageOf(from);
      if (own === undefined || named === undefined || named === own) return false;
      const allowed = [...(MAY_SEE[own] ?? []), ...(isTest(from) ? (TESTS_MAY_SEE[own] ?? []) : [])];
      return !allowed.includes(named);
    },
  },
  {
    name: 'packages-are-entered-by-name',
    breaks: ({ from, to }) => {
      const isBuildStep = isTest(from) && /^packages\/[^/]+\/build\.mjs$/.test(to);
      return (
        packageOf(from) !== undefined && isInTree(to) && packageOf(to) !== packageOf(from) && !isBuildStep
      );
    },
  },
  {
    name: 'only-main-wires-plugins',
    breaks: ({ from, named }) =>
      named === 'plugins' &&
      from.startsWith('packages/server/') &&
      !isTest(from) &&
      from !== 'packages/server/src/main.ts',
  },
  {
    name: 'folders-of-the-server-see-what-lies-below',
    breaks: ({ from, to }) => {
      const own = folderOfServer(from);
      if (own === undefined || isTest(from) || !to.startsWith('packages/server/src/')) return false;
      const other = folderOfServer(to);
      // Files beside the folders put them together.
      return own !== other && !isBelow(SERVER_LEVELS, other, own);
    },
  },
  {
    name: 'folders-of-the-workflows-see-what-lies-below',
    breaks: ({ from, to }) => {
      const own = folderOfWorkflows(from);
      if (own === undefined || isTest(from) || !to.startsWith('packages/core/src/workflows/')) return false;
      const other = folderOfWorkflows(to);
      return own !== other && !isBelow(WORKFLOW_LEVELS, other, own);
    },
  },
  {
    name: 'the-core-sees-what-lies-below',
    breaks: ({ from, to }) => {
      const own = sliceOf(from);
      if (own === undefined || isTest(from) || !isCore(to)) return false;
      const other = sliceOf(to);
      if (other === undefined) return !CORE_PORTS.includes(posix.basename(to));
      return CORE_LAYERS.indexOf(own) >= 0 && CORE_LAYERS.indexOf(other) > CORE_LAYERS.indexOf(own);
    },
  },
  {
    name: 'sources-see-no-doubles',
    breaks: ({ from, to }) =>
      /^packages\/[^/]+\/src\//.test(from) &&
      !isTest(from) &&
      (/^packages\/[^/]+\/(?:test|testing|testkit)\//.test(to) || to === '@berth/core/testing'),
  },
  {
    name: 'core-does-no-io',
    breaks: ({ from, to }) =>
      /^packages\/(?:contract|core)\/src\//.test(from) && !isTest(from) && isBuiltin(to),
  },
  {
    name: 'the-kernel-stands-alone',
    breaks: ({ from, to }) => sliceOf(from) === 'kernel' && isCore(to) && sliceOf(to) !== 'kernel',
  },
  {
    name: 'slices-are-peers',
    breaks: ({ from, to }) =>
      isSlice(from) &&
      !isTest(from) &&
      sliceOf(to) !== undefined &&
      ![sliceOf(from), 'kernel'].includes(sliceOf(to)),
  },
  {
    name: 'a-slice-is-entered-by-its-index',
    breaks: ({ from, to }) =>
      isCore(from) &&
      !isTest(from) &&
      isSlice(to) &&
      sliceOf(to) !== sliceOf(from) &&
      !to.endsWith('/index.ts'),
  },
  {
    name: 'plugins-are-peers',
    breaks: ({ from, to }, plugins) => {
      const [own, other] = [pluginOf(from), pluginOf(to)];
      if (own === undefined || other === undefined || own === other) return false;
      const mayPick = isTest(from) || own.endsWith('/_registry');
      return !mayPick && (plugins.has(other) || other.endsWith('/_registry'));
    },
  },
];

/** False for a folder without a level. */
const isBelow = (
  levels: readonly (readonly string[])[],
  lower: string | undefined,
  upper: string | undefined,
): boolean => {
  const [low, high] = [lower, upper].map((folder) =>
    levels.findIndex((folders) => folders.some((one) => one === folder)),
  );
  return low !== undefined && high !== undefined && low >= 0 && low < high;
};

const isInTree = (to: string) => to.startsWith('packages/') || to.startsWith('tools/');
const isCore = (path: string) => path.startsWith('packages/core/src/');
const isSlice = (path: string) => sliceOf(path) !== undefined && !NOT_SLICES.includes(sliceOf(path) ?? '');

export const boundaryProblems = (files: readonly TreeFile[]): Problem[] => {
  const edges = files.filter(({ path }) => isCode(path)).flatMap(importsOf);
  const plugins = new Set(
    files.flatMap(({ path, text }) => (isPlugin(path, text) ? [pluginOf(path) ?? ''] : [])),
  );
  const broken = edges.flatMap((edge) =>
    RULES.filter((rule) => rule.breaks(edge, plugins)).map((rule) => ({
      path: edge.from,
      message: `${rule.name}: may not import ${edge.to}`,
    })),
  );
  return [...broken, ...cyclesIn(edges.filter(({ isTypeOnly }) => !isTypeOnly))];
};

/** A plugin entry: a file or a folder's index with a default export. */
const isPlugin = (path: string, text: string) =>
  /^packages\/plugins\/src\/(?:drivers|agents)\/[^/]+(?:\/index)?\.ts$/.test(path) &&
  /^export default /m.test(text);

/** `import … from`, `export … from` and `import '…'` at the start of a line, and `import('…')` anywhere. */
const SPECIFIER =
  /^(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

const importsOf = ({ path, text }: TreeFile): Import[] =>
  [...text.matchAll(SPECIFIER)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? '';
    const to = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier;
    const isTypeOnly = /^(?:import|export)\s+type\b/.test(match[0]);
    return { from: path, to, named: /^@berth\/([^/]+)/.exec(specifier)?.[1], isTypeOnly };
  });

/** Every cycle once, at the file where the walk returned to it. */
const cyclesIn = (edges: readonly Import[]): Problem[] => {
  const next = Map.groupBy(edges, ({ from }) => from);
  const done = new Set<string>();
  const problems: Problem[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    const seen = trail.indexOf(path);
    if (seen >= 0) {
      problems.push({ path, message: `no-cycles: ${[...trail.slice(seen), path].join(' → ')}` });
      return;
    }
    if (done.has(path)) return;
    for (const { to } of next.get(path) ?? []) walk(to, [...trail, path]);
    done.add(path);
  };
  for (const path of next.keys()) walk(path, []);
  return problems;
};
