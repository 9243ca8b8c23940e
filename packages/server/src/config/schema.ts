/**
 * What users may configure: in `config.json`, by environment variables, by flags. Strict, with a description for each
 * setting; the reference page is generated from this.
 */
import { EgressPolicy, GateProfile } from '@berth/contract';
import { z } from 'zod';

const GIB = 2 ** 30;

const Name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'must be lower-case letters, digits, "_-", at most 40');
/** Only digits and dots is an address, and has to be a valid one. */
const HostName = z
  .string()
  .regex(
    /^(?![\d.]+$)(?!-)[a-z0-9.-]{1,253}$|^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$|^\[[0-9a-f:]+\]$/,
    'must be a host name in lower case or an address such as 127.0.0.1, without a port',
  );
const PORT = 'must be a whole number from 0 to 65535';
const Path = z.string().min(1).max(4096);
const Milliseconds = z.int().min(1).max(2_147_483_647);
const PluginConfig = z.record(Name, z.record(z.string(), z.unknown()));

const Provider = z.strictObject({
  wire: z
    .enum(['openai', 'anthropic', 'gemini'])
    .describe('How requests are spoken: decides paths and where the key goes.'),
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .describe('Where requests go, with the version in the path when the provider has one there.'),
  key: z
    .string()
    .min(1)
    .max(4096)
    .regex(/^[\x21-\x7e]+$/, 'must be printable characters without spaces')
    .optional()
    .describe('Stays with the server; a sandbox never sees it.'),
  models: z
    .array(
      z
        .string()
        .regex(/^[\w./:@-]{1,200}\*?$/, 'must be the name of a model, with * at its end for any ending'),
    )
    .min(1)
    .max(100)
    .optional()
    .describe(
      'The models that agents may ask of it, such as `gpt-5.5` or `gpt-5*`; all that it offers when absent.',
    ),
});

const Limits = z.strictObject({
  cpus: z.number().min(0.1).max(256).default(2).describe('Processors, also in parts.'),
  memoryBytes: z
    .int()
    .min(32 * 2 ** 20)
    .default(4 * GIB)
    .describe('Memory, the page cache of its files included.'),
  pids: z.int().min(16).max(65_536).default(512).describe('Processes and threads.'),
  diskBytes: z
    .int()
    .min(16 * 2 ** 20)
    .default(20 * GIB)
    .describe('What a sandbox may have written to its disk at one time; one with more is ended.'),
  inodes: z.int().min(1000).default(1_000_000).describe('The same for files, folders and links.'),
});

const WorkDefaults = z.strictObject({
  limits: Limits.prefault({}),
  egress: EgressPolicy.default({ preset: 'none' }).describe(
    'What agents, gates and other sandboxes may reach when neither their task nor their workspace says; a set-up has a policy of its own.',
  ),
  gate: GateProfile.default('standard').describe('How thorough a gate is when its workspace does not say.'),
  trustedGateDrivers: z
    .array(Name)
    .max(10)
    .default([])
    .describe(
      'Drivers whose gates count although a command there can forge its verdict (`unenforced: verdict`), such as `host`.',
    ),
  maxSandboxes: z
    .int()
    .min(2, 'a task needs two sandboxes at the same time, its own and that of its gate')
    .max(10_000)
    .default(20)
    .describe('The ceiling of sandboxes on this machine, 2 or more: a task has one, and its gate another.'),
  keepAliveMs: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(5 * 60_000)
    .describe("How long a sandbox is kept after its task's end."),
  maxRounds: z
    .int()
    .min(1)
    .max(10)
    .default(3)
    .describe('How often a red gate or a conflict goes back to the agent.'),
  gateTimeoutMs: Milliseconds.default(10 * 60_000).describe('Of one command of a gate.'),
  alteredTests: z
    .boolean()
    .default(true)
    .describe(
      "Whether a green gate's tests run once more, altered so that they must fail, to find code that disarms them.",
    ),
  targetGateWaitMs: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(10 * 60_000)
    .describe(
      'How long an agent is not asked while the gate of its target runs for the first time: what is red there is told before.',
    ),
  setupTimeoutMs: Milliseconds.default(300_000).describe('Of one set-up.'),
});

const TurnLimits = z.strictObject({
  startMs: Milliseconds.default(60_000).describe('From the start of an agent to its readiness.'),
  silenceMs: Milliseconds.default(5 * 60_000).describe('Between two signs of life.'),
  turnMs: Milliseconds.default(120 * 60_000).describe('Of one turn altogether.'),
});

const DAY_MS = 86_400_000;
const LONGEST_DAYS = 3650;
const Days = z
  .int()
  .min(DAY_MS, 'must be at least a day (86400000)')
  .max(LONGEST_DAYS * DAY_MS);

const Retention = z.strictObject({
  runsMs: Days.default(7 * DAY_MS).describe('Of ended runs with their journals, and of ended jobs.'),
  eventsMs: Days.default(30 * DAY_MS).describe('Of events.'),
  maxEvents: z
    .int()
    .min(1000)
    .max(100_000_000)
    .default(500_000)
    .describe('More events than that are not kept, however young.'),
  maxEventBytes: z
    .int()
    .min(2 ** 20)
    .max(2 ** 40)
    .default(2 ** 30)
    .describe('Nor more bytes of what they say.'),
  tasksMs: Days.default(90 * DAY_MS).describe(
    'Of finished tasks with their conversations, evidence and costs, and of branches with work that never landed.',
  ),
  sandboxesMs: Days.default(30 * DAY_MS).describe('Of records of sandboxes that are gone.'),
  refsMs: Days.default(30 * DAY_MS).describe(
    'Of saved turns, revert points, and branches of what has landed.',
  ),
  tokensMs: Days.default(30 * DAY_MS).describe('Of tokens that were revoked or have expired.'),
  approvalsMs: Days.default(14 * DAY_MS).describe(
    'Of changes that wait for a person: one that nobody decided on by then is turned down; its work stays on the branch.',
  ),
});

const Models = z.strictObject({
  providers: z.record(Name, Provider).default({}).describe('The endpoints that agents may ask, by name.'),
  default: z
    .string()
    .max(200)
    .regex(/^[a-z0-9][a-z0-9_-]*\/.+$/, 'must be "provider/model"')
    .optional()
    .describe('`provider/model` for tasks that name none.'),
});

export const ConfigInput = z.strictObject({
  home: Path.optional().describe(
    'The folder that everything lies in; `/var/lib/berth` for root, else `~/.local/share/berth`.',
  ),
  host: HostName.default('127.0.0.1').describe('The address to listen on.'),
  port: z.int(PORT).min(0, PORT).max(65_535, PORT).default(8080).describe('0 is any free port.'),
  allowedHosts: z
    .array(HostName)
    .max(100)
    .default([])
    .describe('Names under which browsers and clients reach this server, beyond those of loopback.'),
  socketPath: Path.optional().describe('The Unix socket; `run/berth.sock` in the home when absent.'),
  defaultDriver: z
    .union([Name, z.array(Name).min(1).max(8)])
    .optional()
    .describe(
      'The driver of sandboxes that name none, or several, of which the first that works here is taken; `oci` when absent.',
    ),
  drivers: PluginConfig.default({}).describe('Settings of a driver, by its name.'),
  agents: PluginConfig.default({}).describe('Settings of an agent, by its name.'),
  defaultAgent: Name.default('opencode').describe('The agent of tasks that name none.'),
  models: Models.prefault({}),
  defaults: WorkDefaults.prefault({}),
  turnLimits: TurnLimits.prefault({}),
  retention: Retention.prefault({}),
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('The least important line that is written.'),
});
export type ConfigInput = z.output<typeof ConfigInput>;
