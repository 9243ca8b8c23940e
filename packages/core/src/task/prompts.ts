/**
 * The prompts for the agent. Pure: facts in, text out, each with a bound, so that a prompt can be read in a
 * test and never grows with a log. Logs and paths come from a sandbox, so they are fenced and labelled as
 * output rather than mixed with our own text.
 */
import { type Evidence, isGreen, type Weakening } from '@berth/contract';
import { tailOf } from '../kernel/index.ts';

export const PROMPT_LOG_MAX_BYTES = 8 * 1024;
const PROMPT_MAX_PATHS = 50;
const SUMMARY_MAX_BYTES = 4 * 1024;

export interface TaskContext {
  /** Folders of the repositories inside the sandbox; the agent starts in the first one. */
  readonly folders: readonly string[];
  /** Checks of the target that already fail. */
  readonly red?: readonly Pick<Evidence, 'command' | 'repository'>[] | undefined;
  /** Earlier changes for the same request that a person rejected. */
  readonly refused?: readonly Refused[] | undefined;
}

export interface Refused {
  /** In the person's own words. */
  readonly reason: string | undefined;
  readonly weakened: readonly Weakening[];
}

/** Only the latest are included, because they matter most. */
const PROMPT_MAX_REFUSED = 5;

/**
 * The task itself; if there are several repositories, their folders; what is already red; and what was
 * rejected.
 */
export const taskPrompt = (prompt: string, { folders, red = [], refused = [] }: TaskContext): string =>
  [
    prompt,
    ...(folders.length > 1 ? [`The repositories of this task are in:\n${bullets(folders)}`] : []),
    ...(red.length > 0
      ? [
          `These checks fail already, before any work of yours:\n${bullets(red.map(({ command, repository }) => `\`${command}\` in ${repository}`))}`,
        ]
      : []),
    ...refused.slice(-PROMPT_MAX_REFUSED).map(refusedPrompt),
  ].join('\n\n');

const refusedPrompt = ({ reason, weakened }: Refused): string =>
  [
    `A person turned down an earlier change for this${reason === undefined ? '.' : ', and gave this reason:'}`,
    ...(reason === undefined ? [] : [fenced(reason)]),
    ...(weakened.length === 0 ? [] : [`It weakened what it is checked by:\n\n${weakenedList(weakened)}`]),
    'That work is not in the repository. Find another way.',
  ].join('\n\n');

/** The reason comes from the driver, which may quote output from inside the sandbox. */
export const diedPrompt = (prompt: string, reason: string): string =>
  [
    'The machine that you work on died and was made anew. The reason:',
    fenced(tailOf(reason, SUMMARY_MAX_BYTES)),
    'The files are as they were on its disk; everything that ran has ended. Look at what is there already, and go on. If what you ran used up the memory or the disk, do it in a way that needs less. This is what was asked:',
    prompt,
  ].join('\n\n');

export const redGatePrompt = (evidence: readonly Evidence[]): string => {
  const red = evidence.filter((one) => !isGreen(one));
  const green = evidence.filter(isGreen).map((one) => `\`${one.command}\``);
  const room = Math.floor(PROMPT_LOG_MAX_BYTES / Math.max(1, red.length));
  return [
    'Your change does not pass the checks yet. They ran on the result of merging it into the target branch.',
    ...red.map((one) => described(one, room)),
    ...(green.length > 0 ? [`These passed: ${green.join(', ')}.`] : []),
    'Find the cause and fix it in the code. Do not weaken, skip or delete a check to make it pass.',
  ].join('\n\n');
};

const described = (one: Evidence, room: number): string => {
  const log = tailOf(one.logTail, room).trim();
  const said = log === '' ? 'It printed nothing.' : `The end of its output:\n\n${fenced(log)}`;
  return `\`${one.command}\` in ${one.repository} ${howItEnded(one)}. ${said}`;
};

const howItEnded = (one: Evidence): string => {
  if (one.outOfMemory) return 'was killed because it needed more memory than the sandbox has';
  if (one.timedOut) return `did not end within ${Math.round(one.durationMs / 1000)} s`;
  if (one.exitCode === null) return 'was ended by a signal';
  return `ended with exit code ${one.exitCode}`;
};

/** Paths and scripts come from the change. */
const weakenedList = (weakened: readonly Weakening[]): string => {
  const lines = weakened.map(
    ({ kind, repository, subject, detail }) => `${kind} in ${repository}: ${subject} (${detail})`,
  );
  return fenced(tailOf(lines.join('\n'), PROMPT_LOG_MAX_BYTES));
};

export const weakenedPrompt = (weakened: readonly Weakening[]): string =>
  [
    'Your change passes, but it weakens what it is checked by, which is not allowed here.',
    weakenedList(weakened),
    'Put these back as they are in the target branch, and solve the task without changing them.',
  ].join('\n\n');

/** For a change to the set-up's inputs, most often a manifest without its updated lock file. */
export const failedSetupPrompt = (setup: {
  readonly command: string;
  readonly exitCode: number | null;
  readonly timeoutMs?: number | undefined;
  readonly tail: string;
}): string =>
  [
    'Your change could not be checked yet: the set-up of the repository fails on the result of merging it into the target branch.',
    `\`${setup.command}\` ${howSetupEnded(setup)}. The end of its output:\n\n${fenced(tailOf(setup.tail, PROMPT_LOG_MAX_BYTES).trim())}`,
    'It worked when your work began. Look at the manifests and lock files that you changed, and make them agree with each other.',
  ].join('\n\n');

const howSetupEnded = (setup: {
  readonly exitCode: number | null;
  readonly timeoutMs?: number | undefined;
}) => {
  if (setup.timeoutMs !== undefined) return `did not end within ${setup.timeoutMs} ms`;
  return `ended with ${setup.exitCode === null ? 'a signal' : `exit code ${setup.exitCode}`}`;
};

/** Chooses a fence longer than any in the text, so that the text cannot close it. */
const fenced = (text: string): string => {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${fence}\n${text}\n${fence}`;
};

export interface Conflict {
  readonly repository: string;
  readonly target: string;
  readonly paths: readonly string[];
}

/** `origin/<target>` has been fetched before the agent reads this. */
export const conflictPrompt = (conflicts: readonly Conflict[]): string =>
  [
    'Your change conflicts with work that landed meanwhile. Leave no conflict marker (`<<<<<<<`, `=======`, `>>>>>>>`) behind, neither of this merge nor of an earlier one.',
    ...conflicts.map(
      ({ repository, target, paths }) =>
        `In ${repository}, run \`git merge origin/${target}\` (it is up to date, no fetch is needed), resolve these files so that both sides keep their intent, and commit the merge:\n${bullets(paths)}`,
    ),
  ].join('\n\n');

const bullets = (lines: readonly string[]): string => {
  const shown = lines.slice(0, PROMPT_MAX_PATHS).map((line) => `- ${line}`);
  const more = lines.length - shown.length;
  return [...shown, ...(more > 0 ? [`- and ${more} more`] : [])].join('\n');
};

export interface Said {
  readonly role: 'user' | 'agent';
  readonly text: string;
}

/** For an agent without the conversation so far: its latest messages, oldest first, then the new request. */
export const freshFollowUpPrompt = (prompt: string, soFar: readonly Said[]): string => {
  if (soFar.length === 0) return prompt;
  return [
    'This continues earlier work, which is in the repository already. The end of the conversation so far:',
    fenced(tailOf(soFar.map(({ role, text }) => `${role}: ${text.trim()}`).join('\n\n'), SUMMARY_MAX_BYTES)),
    `What is asked now:\n\n${prompt}`,
  ].join('\n\n');
};
