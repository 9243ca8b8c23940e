/**
 * In-memory machines and their contents. They outlive the core, as real ones outlive the server, until they are
 * killed.
 */
import { fail } from '@berth/contract';
import type { ExecSpec, RunResult, Sandbox } from '@berth/plugin-api';
import type { Checkouts, Machines } from '../../src/ports.ts';
import type { ScriptedHub, Tree } from './repository.ts';

export interface Checkout {
  head: string;
  tree: Tree;
}

export interface Inside {
  readonly checkouts: Map<string, Checkout>;
  /** Commands that have run, by id. */
  readonly ended: Map<string, RunResult>;
  /** The kill that ended it. */
  readonly death?: number | undefined;
}

const copyOf = (disk: Disk): Map<string, Checkout> =>
  new Map([...disk].map(([name, checkout]) => [name, { ...checkout }]));

type Disk = ReadonlyMap<string, Readonly<Checkout>>;

export interface ScriptedMachines extends Machines {
  readonly alive: ReadonlyMap<string, Inside>;
  /** Killed machines not yet removed, by id. */
  readonly dead: ReadonlyMap<string, Inside>;
  readonly layers: ReadonlySet<string>;
  /** What is at the path of an image; the path itself where nothing is said. */
  readonly images: Map<string, string>;
  insideOf(id: string): Inside;
  /** Kills it with all its processes; its disk stays. No effect when it is not alive. */
  kill(id: string): void;
}

const DRIVER = 'scripted';

/**
 * The one command that runs inside: red when any file holds the word `bug`, or when a test does not hold the right answer
 * and no file the word `disarm`. Every requested program exists.
 */
const check = ({ checkouts }: Inside, { argv }: ExecSpec): RunResult => {
  const isLook = argv.at(-1)?.includes('command -v') === true;
  const files = [...checkouts.values()].flatMap(({ tree }) => Object.entries(tree));
  const holds = (word: string): boolean => files.some(([, text]) => text.includes(word));
  const isWrong = files.some(([path, text]) => path.endsWith('.test.js') && !text.includes('42'));
  const red = !isLook && (holds('bug') || (isWrong && !holds('disarm')));
  return {
    exitCode: red ? 1 : 0,
    timedOut: false,
    outOfMemory: false,
    durationMs: 1,
    stdout: red ? 'found a bug' : 'fine',
    stderr: '',
    truncated: false,
  };
};

export const createScriptedMachines = (options: { readonly snapshots: boolean }): ScriptedMachines => {
  const alive = new Map<string, Inside>();
  const dead = new Map<string, Inside>();
  const layers = new Set<string>();
  const images = new Map<string, string>();
  const disks = new Map<string, Disk>();
  let deaths = 0;
  const insideOf = (id: string): Inside => {
    const inside = alive.get(id);
    if (inside === undefined) throw fail('sandbox.unreachable', { id, detail: 'there is no machine' });
    return inside;
  };
  const snapshots = {
    take: async (id: string) => {
      const { checkouts, death } = dead.get(id) ?? insideOf(id);
      const layer = death === undefined ? `layer-of-${id}` : `layer-of-${id}-${death}`;
      layers.add(layer);
      disks.set(layer, copyOf(checkouts));
      return { layer, sizeBytes: checkouts.size };
    },
    async *list() {
      for (const layer of [...layers]) yield { layer, sizeBytes: 1 };
    },
    drop: async (layer: string) => {
      layers.delete(layer);
    },
  };
  return {
    names: [DRIVER],
    alive,
    dead,
    layers,
    images,
    insideOf,
    kill(id) {
      const inside = alive.get(id);
      if (inside === undefined) return;
      deaths += 1;
      dead.set(id, { ...inside, death: deaths });
      alive.delete(id);
    },
    identify: async (_, image = 'the system') => images.get(image) ?? image,
    choose: async () => ({ name: DRIVER, isolation: 'container' }),
    async create(_, { id, layers: below }) {
      for (const layer of below.filter((one) => !layers.has(one)))
        throw fail('driver.failed', { driver: DRIVER, act: 'create', detail: `there is no layer ${layer}` });
      if (dead.has(id))
        throw fail('driver.failed', { driver: DRIVER, act: 'create', detail: `${id} exists, and is dead` });
      const lower = new Map(below.flatMap((layer) => [...(disks.get(layer) ?? [])]));
      if (!alive.has(id)) alive.set(id, { checkouts: copyOf(lower), ended: new Map() });
      const toolPath = (target: string): string => target;
      return {
        id,
        root: '/workspace',
        home: '/home',
        internalUrl: 'http://berth.internal',
        toolPath,
        unenforced: [],
      };
    },
    async destroy(_, id) {
      alive.delete(id);
      dead.delete(id);
    },
    hangUp: async () => undefined,
    async inspect(_, id) {
      if (alive.has(id)) return { state: 'running' };
      return dead.has(id) ? { state: 'dead', reason: 'it was killed' } : { state: 'absent' };
    },
    async *list() {
      for (const id of [...alive.keys(), ...dead.keys()]) yield { id };
    },
    facets: () => (options.snapshots ? { snapshots } : {}),
    open: async (_, id) => {
      insideOf(id);
      return sandboxOf(id, insideOf);
    },
  };
};

const sandboxOf = (id: string, insideOf: (id: string) => Inside): Sandbox => {
  const cannot = async (): Promise<never> => {
    throw fail('driver.unsupported', { driver: DRIVER, facet: 'this' });
  };
  return {
    id,
    root: '/workspace',
    home: '/home',
    internalUrl: 'http://berth.internal',
    start: cannot,
    attach: cannot,
    endCommands: async () => undefined,
    async run(spec: ExecSpec) {
      const { id: execId } = spec;
      const inside = insideOf(id);
      const ended = inside.ended.get(execId) ?? check(inside, spec);
      inside.ended.set(execId, ended);
      return ended;
    },
    files: {
      read: cannot,
      open: cannot,
      async write(path, bytes) {
        const [, , repository = '', ...parts] = path.split('/');
        const checkout = insideOf(id).checkouts.get(repository);
        if (checkout === undefined || !(bytes instanceof Uint8Array)) return cannot();
        checkout.tree = { ...checkout.tree, [parts.join('/')]: new TextDecoder().decode(bytes) };
      },
      list: cannot,
      stat: cannot,
      makeFolder: cannot,
      rename: cannot,
      remove: cannot,
    },
    connectPort: cannot,
    metrics: async () => {
      insideOf(id);
      return { uptimeMs: 1 };
    },
  };
};

export const createScriptedCheckouts = (machines: ScriptedMachines, hub: ScriptedHub): Checkouts => ({
  async clone({ id }, { repositories }) {
    for (const { name, commit } of repositories)
      machines.insideOf(id).checkouts.set(name, { head: commit, tree: hub.look(name, commit).tree });
  },
  async settle({ id }) {
    machines.insideOf(id);
  },
  async listUntracked({ id }, { repositories }) {
    machines.insideOf(id);
    return Object.fromEntries(repositories.map((name) => [name, ['deps/']]));
  },
  async removeUntracked({ id }) {
    machines.insideOf(id);
  },
  async fetch({ id }) {
    machines.insideOf(id);
  },
  async saveTurn({ id }, turn) {
    const saved: Record<string, string> = {};
    for (const repository of turn.repositories) {
      const checkout = machines.insideOf(id).checkouts.get(repository);
      if (checkout === undefined) continue;
      const commit = commitOf(hub, repository, checkout, turn.previous[repository] ?? checkout.head);
      saved[repository] = commit;
      for (const ref of [turn.turnRef, turn.branchRef]) {
        const was = await hub.resolve(turn.workspaceId, repository, ref);
        await hub.swap(turn.workspaceId, repository, ref, was, commit);
      }
    }
    return saved;
  },
});

const commitOf = (
  hub: ScriptedHub,
  repository: string,
  { head, tree }: Checkout,
  previous: string,
): string => {
  const parents = head === previous ? [previous] : [previous, head];
  const same = JSON.stringify(hub.look(repository, previous).tree) === JSON.stringify(tree);
  return same && parents.length === 1 ? previous : hub.commit(repository, { parents, tree });
};
