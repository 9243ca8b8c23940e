/**
 * The error catalogue: code (`noun.problem`), kind, data and message of every error. Codes are promises to clients:
 * add freely, never rename.
 */
import { z } from 'zod';
import { SANDBOX_ERRORS } from './error-catalogue-sandbox.ts';
import { Issue, SERVER_ERRORS } from './error-catalogue-server.ts';
import { SETUP_ERRORS } from './error-catalogue-setup.ts';
import type { ErrorShape } from './kernel/error.ts';

const id = z.object({ id: z.string() });
const reason = z.object({ reason: z.string() });

const MAX_SHOWN = 20;

const someOf = (all: readonly string[]): string => {
  const more = all.length - MAX_SHOWN;
  return `${all.slice(0, MAX_SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
};

/** The place in the caller's terms; body fields by their JSON path. */
const describePath = (path: string): string =>
  path
    .replace(/^params\.(.+)/, '$1 in the address')
    .replace(/^query\.(.+)/, 'query parameter $1')
    .replace(/^headers\.(.+)/, 'header $1');

export const ERRORS = {
  'request.invalid': {
    kind: 'invalid',
    data: z.object({ issues: z.array(Issue) }),
    message: (d) =>
      `The request is not valid: ${d.issues.map((i: Issue) => `${describePath(i.path)}: ${i.message}`).join('; ')}.`,
  },
  'request.too_large': {
    kind: 'invalid',
    data: z.object({ limitBytes: z.number() }),
    message: (d) => `The body is larger than ${d.limitBytes} bytes.`,
  },
  'request.unknown_route': {
    kind: 'missing',
    data: z.object({ method: z.string(), path: z.string() }),
    message: (d) => `There is no route ${d.method} ${d.path}.`,
    hint: 'See /docs for every route.',
  },
  'request.key_reused': {
    kind: 'conflict',
    data: z.object({ key: z.string() }),
    message: (d) => `The idempotency key ${d.key} was already used with a different request.`,
    hint: 'Use a new key for a new request.',
  },
  'auth.required': {
    kind: 'unauthenticated',
    data: z.object({}),
    message: () => 'A valid token is required.',
    hint: 'Send "Authorization: Bearer <token>"; the owner token is in the file printed by `berth up`.',
  },
  'auth.forbidden': {
    kind: 'forbidden',
    data: z.object({ needs: z.string() }),
    message: (d) => `This needs the role ${d.needs}.`,
    hint: 'Ask an owner for a token with that role.',
  },
  'auth.origin_refused': {
    kind: 'forbidden',
    data: reason,
    message: (d) => `The request was refused: ${d.reason}.`,
    hint: "Browsers may only call from the server's own origin.",
  },
  'record.missing': {
    kind: 'missing',
    data: z.object({ noun: z.string(), id: z.string() }),
    message: (d) => `There is no ${d.noun} ${d.id}.`,
  },
  'record.exists': {
    kind: 'conflict',
    data: z.object({ noun: z.string(), id: z.string() }),
    message: (d) => `A ${d.noun} ${d.id} already exists.`,
  },
  'record.changed': {
    kind: 'conflict',
    data: z.object({ noun: z.string(), id: z.string() }),
    message: (d) => `The ${d.noun} ${d.id} was changed by someone else.`,
    hint: 'Read it again, then retry.',
  },
  'state.illegal': {
    kind: 'conflict',
    data: z.object({ noun: z.string(), id: z.string(), state: z.string(), trigger: z.string() }),
    message: (d) => `The ${d.noun} ${d.id} is ${d.state}; "${d.trigger}" is not possible now.`,
    hint: 'Its state may have changed: check it (`berth task show`, `berth sandbox show`, `berth change show`) and request what the state allows.',
  },
  'task.not_completed': {
    kind: 'conflict',
    data: z.object({ id: z.string(), state: z.string() }),
    message: (d) => `Task ${d.id} is ${d.state}: a follow-up needs a completed task.`,
    hint: '`berth task retry <id>` retries a failed or cancelled task; a running one accepts follow-ups once it is completed.',
  },
  'task.dependency_failed': {
    kind: 'conflict',
    data: z.object({ id: z.string(), state: z.string() }),
    message: (d) => `Task ${d.id}, which has to complete first, is ${d.state}.`,
    hint: 'See why with `berth task show <id>`; retry that task first (`berth task retry <id>`), then this one.',
  },
  'workspace.in_use': {
    kind: 'conflict',
    data: z.object({ id: z.string(), sandboxes: z.number(), tasks: z.number() }),
    message: (d) => `Workspace ${d.id} has ${d.sandboxes} live sandboxes and ${d.tasks} unfinished tasks.`,
    hint: 'Remove the sandboxes and cancel the tasks first.',
  },
  'workspace.record_lost': {
    kind: 'conflict',
    data: id,
    message: (d) =>
      `The home holds copies of repositories (hub/${d.id}) of a workspace that is not in the database: part of the database was lost. The copies are kept.`,
    hint: 'Restore the database from a backup (docs/guide/backup.md), or fetch what you need from the copies with git and delete their folder.',
  },
  'repository.unreachable': {
    kind: 'unavailable',
    data: z.object({ source: z.string(), reason: z.string() }),
    message: (d) => `The repository ${d.source} cannot be read: ${d.reason}`,
    hint: 'Check the path or URL, and that git on this machine can clone it.',
  },
  'repository.bad_source': {
    kind: 'invalid',
    data: z.object({ source: z.string(), reason: z.string() }),
    message: (d) => `"${d.source}" cannot be imported: ${d.reason}`,
    hint: 'Give a git repository: a folder or a URL that git can clone (`berth run --repo <folder>`, `berth workspace add <folder>`).',
  },
  'branch.missing': {
    kind: 'missing',
    data: z.object({ repository: z.string(), branch: z.string() }),
    message: (d) => `The repository ${d.repository} has no branch ${d.branch}.`,
  },
  'branch.exhausted': {
    kind: 'conflict',
    data: z.object({ branch: z.string() }),
    message: (d) => `The branch ${d.branch} and its variants _v2 to _v10 are all taken.`,
    hint: 'Delete branches that are no longer needed.',
  },
  'git.absent': {
    kind: 'unavailable',
    data: z.object({ detail: z.string() }),
    message: (d) => `Git could not be started: ${d.detail}`,
    hint: "Install git 2.38 or newer on the server's machine.",
  },
  'git.failed': {
    kind: 'internal',
    data: z.object({ act: z.string(), detail: z.string() }),
    message: (d) => `git ${d.act} failed: ${d.detail}`,
  },
  'git.timeout': {
    kind: 'timeout',
    data: z.object({ act: z.string(), timeoutMs: z.number() }),
    message: (d) => `git ${d.act} did not finish within ${d.timeoutMs} ms.`,
  },
  'push.refused': {
    kind: 'forbidden',
    data: z.object({ ref: z.string() }),
    message: (d) => `This token is not allowed to write ${d.ref}.`,
  },
  'driver.unknown': {
    kind: 'invalid',
    data: z.object({ driver: z.string(), known: z.array(z.string()) }),
    message: (d) => `There is no driver ${d.driver}; known drivers: ${d.known.join(', ')}.`,
  },
  'driver.disabled': {
    kind: 'forbidden',
    data: z.object({ driver: z.string() }),
    message: (d) =>
      `The driver ${d.driver} is disabled: it does not isolate what runs on it from this machine.`,
    hint: 'The operator can enable it under `drivers` in config.json, as in {"drivers": {"host": {}}}.',
  },
  'driver.absent': {
    kind: 'unavailable',
    data: z.object({ driver: z.string(), detail: z.string() }),
    message: (d) => `The driver ${d.driver} cannot start sandboxes here: ${d.detail}`,
    hint: 'Run `berth doctor` to see what is missing. Isolation is never lowered automatically.',
  },
  'driver.unsupported': {
    kind: 'unsupported',
    data: z.object({ driver: z.string(), facet: z.string() }),
    message: (d) => `The driver ${d.driver} does not support ${d.facet}.`,
    hint: 'Choose a driver that lists this capability.',
  },
  'driver.failed': {
    kind: 'unavailable',
    data: z.object({ driver: z.string(), act: z.string(), detail: z.string() }),
    message: (d) => `The driver ${d.driver} failed at ${d.act}: ${d.detail}`,
  },
  ...SANDBOX_ERRORS,
  ...SETUP_ERRORS,
  'exec.missing': {
    kind: 'missing',
    data: id,
    message: (d) => `There is no command ${d.id} in this sandbox.`,
  },
  'exec.not_startable': {
    kind: 'invalid',
    data: z.object({ command: z.string(), reason: z.string() }),
    message: (d) => `The command ${d.command} could not be started: ${d.reason}`,
  },
  'file.missing': {
    kind: 'missing',
    data: z.object({ path: z.string() }),
    message: (d) => `There is no file ${d.path}.`,
  },
  'file.refused': {
    kind: 'invalid',
    data: z.object({ path: z.string(), reason: z.string() }),
    message: (d) => `${d.path}: ${d.reason}`,
  },
  'agent.unknown': {
    kind: 'invalid',
    data: z.object({ agent: z.string(), known: z.array(z.string()) }),
    message: (d) => `There is no agent ${d.agent}; known agents: ${d.known.join(', ')}.`,
  },
  'agent.absent': {
    kind: 'unavailable',
    data: z.object({ agent: z.string(), detail: z.string() }),
    message: (d) => `The agent ${d.agent} is not installed: ${d.detail}`,
    hint: 'Run `berth doctor` to see how to install it.',
  },
  'agent.auth_required': {
    kind: 'invalid',
    data: z.object({ agent: z.string() }),
    message: (d) => `The agent ${d.agent} requires a login.`,
    hint: "Agents never log in themselves: export the model provider's key (ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY) and start the server with it (run `berth down` first if it is already running without the key).",
  },
  'agent.hung': {
    kind: 'timeout',
    data: z.object({
      agent: z.string(),
      silentMs: z.number(),
      /** Which limit was hit: opening the conversation, silence, or waiting for a tool. */
      limit: z.enum(['start', 'silence', 'tool']).optional(),
    }),
    message: ({ agent, silentMs, limit = 'silence' }) => {
      const did = {
        start: 'did not start within',
        silence: 'was silent for',
        tool: 'got no result from a tool for',
      }[limit as 'start' | 'silence' | 'tool'];
      return `The agent ${agent} ${did} ${Math.round(silentMs / 1000)} s and was stopped.`;
    },
    hint: 'Its work so far is kept. `berth task retry` starts a new attempt.',
  },
  'agent.overtime': {
    kind: 'timeout',
    data: z.object({ agent: z.string(), turnMs: z.number() }),
    message: (d) =>
      `The agent ${d.agent} was still working after ${Math.round(d.turnMs / 1000)} s, the limit of a turn, and was stopped.`,
    hint: 'Its work so far is kept. Ask for less per turn, or raise `turnLimits.turnMs` in the server settings.',
  },
  'agent.crashed': {
    kind: 'unavailable',
    data: z.object({ agent: z.string(), exitCode: z.number().nullable(), tail: z.string() }),
    message: (d) => `The agent ${d.agent} ended unexpectedly (exit code ${d.exitCode ?? 'none'}): ${d.tail}`,
  },
  'agent.failed': {
    kind: 'conflict',
    data: z.object({ agent: z.string(), detail: z.string() }),
    message: (d) => `The agent ${d.agent} failed: ${d.detail}`,
  },
  'agent.no_change': {
    kind: 'conflict',
    data: z.object({ agent: z.string() }),
    message: (d) => `The agent ${d.agent} ended without changing anything.`,
    hint: 'Make the prompt more specific, or read the conversation with `berth task logs`.',
  },
  'model.unconfigured': {
    /** A settings error: retrying is pointless until a key is configured. */
    kind: 'invalid',
    /** Absent when no provider is configured. */
    data: z.object({ provider: z.string().optional() }),
    message: (d) =>
      d.provider === undefined
        ? 'No model provider is configured.'
        : `No key is configured for the model provider ${d.provider}.`,
    hint: 'Export ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY and start the server with it (run `berth down` first if it is already running without the key), or configure a provider.',
  },
  'model.unknown': {
    kind: 'invalid',
    data: z.object({ provider: z.string(), model: z.string(), detail: z.string() }),
    message: (d) => `The model provider ${d.provider} has no model ${d.model} for this key: ${d.detail}`,
    hint: 'Choose another with `--model provider/model`, or set `models.default` in the configuration.',
  },
  'model.unavailable': {
    kind: 'unavailable',
    data: z.object({ provider: z.string(), detail: z.string() }),
    message: (d) => `The model provider ${d.provider} cannot be reached: ${d.detail}`,
  },
  'gate.red': {
    kind: 'conflict',
    data: z.object({ gateRun: z.string(), failed: z.array(z.string()), task: z.string().optional() }),
    message: (d) => `The gate failed: ${d.failed.join(', ')}.`,
    hint: 'See the output of its commands: `berth task logs <task>`.',
  },
  'gate.forgeable': {
    kind: 'unsupported',
    data: z.object({ driver: z.string(), reason: z.string() }),
    message: (d) => `A gate on the driver ${d.driver} is not trustworthy: ${d.reason}.`,
    hint: 'Use another driver, or ask the operator to trust this one: `defaults.trustedGateDrivers` in config.json.',
  },
  'gate.tool_missing': {
    kind: 'unsupported',
    data: z.object({ gateRun: z.string().optional(), tools: z.array(z.string()) }),
    message: (d) => `The gate needs ${d.tools.join(' and ')}, which the sandbox lacks.`,
    hint: "Install it system-wide on the server's machine, give the workspace an image that has it, or use other commands: `berth run --gate`, `gate.commands`.",
  },
  'change.held_back': {
    kind: 'conflict',
    data: z.object({}),
    message: () => 'Another change, which has lost the race for the same target twice, lands first.',
    hint: 'The task continues by itself once that change has landed or failed.',
  },
  'gate.target_pending': {
    kind: 'conflict',
    data: z.object({}),
    message: () => 'The gate of the target, which nobody has run on this commit before, has not ended.',
    hint: 'The task continues by itself once it has ended, or after `defaults.targetGateWaitMs`.',
  },
  'gate.unreadable': {
    kind: 'conflict',
    data: z.object({ command: z.string() }),
    message: (d) => `What ${d.command} prints took too long to read, so its gate has no verdict.`,
    hint: 'Let the command print less, or only text of the usual form; see `berth task logs <task>`.',
  },
  'gate.weakened': {
    kind: 'conflict',
    data: z.object({ gateRun: z.string(), subjects: z.array(z.string()) }),
    message: (d) => `The change weakens its gate: ${d.subjects.join(', ')}.`,
    hint: 'Keep the checks of the target intact, or require approval instead: set `gate.weakened` of the workspace to `ask`.',
  },
  'change.waiting': {
    kind: 'conflict',
    data: z.object({ id: z.string(), task: z.string() }),
    message: (d) => `The change ${d.id} weakens its gate and awaits approval; nothing was landed.`,
    hint: 'Review it with `berth change show <id>` and `berth change diff <id>`; then `berth change approve <id>` or `berth change reject <id> --reason "…"`. Follow the result: `berth task logs <task> --follow`.',
  },
  'change.refused': {
    kind: 'conflict',
    data: z.object({ id: z.string(), reason: z.string(), task: z.string().optional() }),
    message: (d) => `The change was rejected: ${d.reason.replace(/\.$/, '')}.`,
    hint: 'The work is kept on its branch. `berth task retry <task>` tries again and gives the agent the reason.',
  },
  'gate.empty': {
    kind: 'invalid',
    data: z.object({ profile: z.string() }),
    message: (d) => `The gate profile ${d.profile} found no command to run in this repository.`,
    hint: 'Configure what must pass before work lands: `berth run --gate "make check"`, or `gate.commands` of the workspace.',
  },
  'change.conflicted': {
    kind: 'conflict',
    data: z.object({
      id: z.string(),
      /** `<repository>/<path>` */
      paths: z.array(z.string()),
      conflicts: z
        .array(z.object({ repository: z.string(), target: z.string(), paths: z.array(z.string()) }))
        .optional(),
    }),
    message: (d) => `The change ${d.id} conflicts with its target in ${someOf(d.paths)}.`,
  },
  'change.target_moved': {
    kind: 'conflict',
    data: z.object({ id: z.string(), target: z.string() }),
    message: (d) => `${d.target} moved while the change ${d.id} was being verified.`,
  },
  'work.cancelled': { kind: 'conflict', data: reason, message: (d) => `Cancelled: ${d.reason}.` },
  'work.crashed': {
    kind: 'internal',
    data: z.object({ job: z.string(), crashes: z.number() }),
    message: (d) => `The job ${d.job} was abandoned after the server crashed in it ${d.crashes} times.`,
    hint: "The cause is in `server.log` in the server's home. Once it is fixed, `berth task retry` starts a new attempt.",
  },
  'work.outdated': {
    kind: 'conflict',
    data: z.object({ saga: z.string(), id: z.string() }),
    message: (d) =>
      `${d.id} (${d.saga}) was begun by an older version of Berth, which left it in the middle; it was taken back.`,
    hint: 'A task begins it anew by itself, with the work that it has. Whatever else it was for is asked for again.',
  },
  'saga.stuck': {
    kind: 'internal',
    data: z.object({ saga: z.string(), step: z.string(), cause: z.string(), undoCause: z.string() }),
    message: (d) => `${d.saga} failed (${d.cause}) and could not undo its step ${d.step} (${d.undoCause}).`,
    hint: 'Fix what blocks the undo; it is retried every hour.',
  },
  ...SERVER_ERRORS,
} as const satisfies Record<string, ErrorShape>;
