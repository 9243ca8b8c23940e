/** A workspace: repositories, and how to build, check and isolate work on them. */
import { z } from 'zod';
import { AttemptId, WorkspaceId } from './ids.ts';
import { event } from './kernel/event.ts';
import { route } from './kernel/route.ts';
import { pageOf, pageQuery, recordFields } from './page.ts';

/** Also a folder under /workspace and a path segment of URLs: no leading dot, no slashes. */
export const RepositoryName = z
  .string()
  .regex(
    /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,62}$/,
    'must be at most 63 letters, digits or "._-", starting with a letter, digit or "_"',
  );

/** The rules of `git check-ref-format --branch`, as far as a pattern can express them; git has the final say. */
export const BranchName = z
  .string()
  .max(200)
  .regex(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: git refuses them in names, so we name them.
    /^(?![-/.])(?!.*(?:\.\.|\/\/|@\{|\/\.|\.lock(?:\/|$)))[^\u0000-\u0020~^:?*[\\\u007f]+(?<![/.])$/,
    'must be a valid git branch name',
  );

export const CommitId = z
  .string()
  .regex(/^[0-9a-f]{40}$/, 'must be a full commit id, 40 hex digits')
  .meta({ id: 'CommitId' });

export const RepositorySpec = z.strictObject({
  name: RepositoryName.optional(),
  /** An absolute path on the server's machine, or an https, ssh or git URL without credentials. */
  source: z.string().min(1).max(2000),
  /** The target branch; the source's default branch when absent. */
  branch: BranchName.optional(),
});

export const Repository = z
  .object({
    name: RepositoryName,
    source: z.string(),
    branch: BranchName,
    /** The server's bare copy on its own machine, from which a local client fetches landed work. */
    hubPath: z.string().optional(),
  })
  .meta({ id: 'Repository' });
export type Repository = z.infer<typeof Repository>;

export const Limits = z
  .strictObject({
    cpus: z.number().min(0.1).max(256).optional(),
    memoryBytes: z
      .int()
      .min(32 * 2 ** 20)
      .optional(),
    pids: z.int().min(16).max(65_536).optional(),
    /** Maximum bytes on its disk at one time. A sandbox that exceeds it is killed. */
    diskBytes: z
      .int()
      .min(16 * 2 ** 20)
      .optional(),
    /** The same for files, folders and links. */
    inodes: z.int().min(1000).optional(),
  })
  .meta({ id: 'Limits' });
export type Limits = z.infer<typeof Limits>;

/**
 * `example.com`, `*.example.com`, with `:port` when it is not 443 or 80. `packages` stands for the registries opened
 * by the preset of this name.
 */
export const EgressEntry = z
  .string()
  .max(260)
  .regex(
    /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/i,
    'must be a host such as example.com, *.example.com or example.com:8443, or "packages"',
  );

/** `none`: nothing. `packages`: the registries configured for npm, pip, cargo and go. `custom`: these hosts. */
export const EgressPolicy = z
  .discriminatedUnion('preset', [
    z.strictObject({ preset: z.literal('none') }),
    z.strictObject({ preset: z.literal('packages') }),
    z.strictObject({
      preset: z.literal('custom'),
      allow: z.array(EgressEntry).max(200),
    }),
  ])
  .meta({ id: 'EgressPolicy' });
export type EgressPolicy = z.infer<typeof EgressPolicy>;

/** A host that the sandbox's policy denied: reported once per host and port, and only for the first hosts. */
export const egressDenied = event(
  'sandbox.egress_denied',
  1,
  z.object({
    host: z.string(),
    port: z.int(),
    reason: z.string(),
    /** What to write to allow it. */
    remedy: z.string(),
    /** The attempt that the sandbox works for. */
    attemptId: AttemptId.optional(),
  }),
);

export const GateCommand = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_-]{0,40}$/, 'must be at most 41 lower-case letters, digits or "_-"'),
    /** A shell line, run by `sh -c` in the repository's folder inside the sandbox. */
    run: z.string().min(1).max(4000),
    /** The repository it runs in; the first one when absent. */
    repository: RepositoryName.optional(),
    timeoutMs: z.int().min(100).max(3_600_000).optional(),
    /**
     * Names of earlier commands whose results it starts from: the files that they added to the repositories, beside
     * the prepared state.
     */
    needs: z.array(z.string().max(41)).max(20).optional(),
  })
  .meta({ id: 'GateCommand' });
export type GateCommand = z.infer<typeof GateCommand>;

/** minimal: tests only. standard: type check, lint, build and tests, as detected. */
export const GateProfile = z.enum(['minimal', 'standard']).meta({ id: 'GateProfile' });
export type GateProfile = z.infer<typeof GateProfile>;

/**
 * What happens to a change that passes but weakens the gate: it needs approval, lands, or is returned to the agent.
 */
export const WeakenedPolicy = z.enum(['ask', 'allow', 'refuse']).meta({ id: 'WeakenedPolicy' });
export type WeakenedPolicy = z.infer<typeof WeakenedPolicy>;

/** Relative, plain names only: no `..`, and links are not followed. */
export const KeptPath = z
  .string()
  .max(200)
  .regex(
    /^(?!\.{1,2}(?:\/|$))[\w.@+-]+(?:\/(?!\.{1,2}(?:\/|$))[\w.@+-]+)*$/,
    'must be a relative path of plain names, such as .cache/ms-playwright',
  );

export const GateSpec = z
  .strictObject({
    profile: GateProfile.optional(),
    commands: z.array(GateCommand).max(20).optional(),
    /** `ask` when absent. */
    weakened: WeakenedPolicy.optional(),
    /**
     * Whether a green gate's tests run once more, altered so that they must fail, to find code that disarms them. The
     * installation's default when absent; never with `weakened: allow`.
     */
    alteredTests: z.boolean().optional(),
    /**
     * Paths in the repositories that a command hands over to those that need it although the set-up made them or they
     * could judge, such as `node_modules/.prisma`.
     */
    keep: z.array(KeptPath).max(20).optional(),
  })
  .meta({ id: 'GateSpec' });
export type GateSpec = z.infer<typeof GateSpec>;

const ShellLine = z.string().min(1).max(4000);

export const SetupSpec = z
  .strictObject({
    /**
     * Shell lines run in a sandbox on the target branch; what they leave in the repositories and the package caches
     * is the starting point of every sandbox. A known installer (`npm ci`) runs once per lock file, anything else
     * once per commit. A plain line runs in the first repository. An empty list means no set-up; without a `setup`,
     * lock files determine what to install.
     */
    commands: z
      .array(z.union([ShellLine, z.strictObject({ run: ShellLine, repository: RepositoryName.optional() })]))
      .max(20),
    egress: EgressPolicy.optional(),
    timeoutMs: z.int().min(1000).max(3_600_000).optional(),
    /** Paths below the home folder to keep after the set-up, in addition to the package caches. */
    keep: z.array(KeptPath).max(20).optional(),
  })
  .meta({ id: 'SetupSpec' });

const settings = {
  /** Name of a driver; the server's default when absent. `host` has no isolation and must be requested explicitly. */
  driver: z.string().max(40).optional(),
  /**
   * Absolute path of an image archive on the server's machine (docker save, OCI layout, tar of a root); the host's own
   * system when absent.
   */
  image: z.string().max(2000).optional(),
  limits: Limits.optional(),
  egress: EgressPolicy.optional(),
  setup: SetupSpec.optional(),
  gate: GateSpec.optional(),
};

export const Workspace = z
  .object({
    id: WorkspaceId,
    name: z.string(),
    repositories: z.array(Repository),
    ...settings,
    ...recordFields,
  })
  .meta({ id: 'Workspace' });
export type Workspace = z.infer<typeof Workspace>;

export const WorkspaceCreate = z.strictObject({
  /** Unique; the name of the first repository when absent. */
  name: RepositoryName.optional(),
  repositories: z.array(RepositorySpec).min(1).max(20),
  ...settings,
});
export type WorkspaceCreate = z.infer<typeof WorkspaceCreate>;

export const workspaceEvents = [
  event('workspace.created', 1, z.object({ name: z.string() })),
  event('workspace.removed', 1, z.object({ name: z.string() })),
];

const params = z.strictObject({ id: WorkspaceId });

export const workspaceRoutes = [
  route({
    id: 'workspace.create',
    method: 'POST',
    path: '/v1/workspaces',
    body: WorkspaceCreate,
    returns: Workspace,
    status: 201,
    role: 'operator',
    idempotent: true,
    errors: [
      'repository.unreachable',
      'repository.bad_source',
      'branch.missing',
      'record.exists',
      'driver.unknown',
      'driver.disabled',
    ],
    summary: 'Import repositories and configure how to work on them',
  }),
  route({
    id: 'workspace.list',
    method: 'GET',
    path: '/v1/workspaces',
    query: z.strictObject(pageQuery),
    returns: pageOf(Workspace),
    role: 'viewer',
    errors: [],
    summary: 'List workspaces',
  }),
  route({
    id: 'workspace.get',
    method: 'GET',
    path: '/v1/workspaces/:id',
    params,
    returns: Workspace,
    role: 'viewer',
    errors: ['record.missing'],
    summary: 'Show a workspace',
  }),
  route({
    id: 'workspace.remove',
    method: 'DELETE',
    path: '/v1/workspaces/:id',
    params,
    returns: z.object({}),
    status: 200,
    role: 'operator',
    errors: ['record.missing', 'workspace.in_use'],
    summary: 'Remove a workspace and its copies of the repositories',
  }),
] as const;
