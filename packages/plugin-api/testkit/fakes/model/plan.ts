/**
 * Plans the answer from the request alone: the script and the position in it are derived from the history that every
 * agent sends along. So the server holds no state per conversation, and parallel agents, retries and resumed sessions
 * just work.
 */
import type { Answer, Script, Scripts } from './script.ts';
import type { Conversation, ConversationItem } from './wire.ts';

export interface Plan {
  readonly script: string;
  /** -1 for a side request (one that offers no tools, such as the title of a conversation). */
  readonly turn: number;
  readonly answer: Answer;
  readonly cwd: string | undefined;
}

export const planAnswer = (conversation: Conversation, scripts: Scripts): Plan => {
  const cwd = workingFolder(conversation.items);
  const branch = chooseBranch(conversation.items, scripts);
  if (conversation.tools.length === 0) return { script: branch.name, turn: -1, answer: { text: 'ok' }, cwd };
  const turn = turnAfter(conversation.items.slice(branch.from + 1));
  const answer = branch.answers?.[turn] ?? { text: `The script "${branch.name}" has no answer ${turn}.` };
  return { script: branch.name, turn, answer, cwd };
};

/** The format of tool call ids, from which the position in the script is read. */
export const callId = (turn: number, index: number, unique: string): string =>
  `call_t${turn}_${index}${unique}`;

interface Branch {
  readonly name: string;
  readonly from: number;
  readonly answers: readonly Answer[] | undefined;
}

const chooseBranch = (items: readonly ConversationItem[], scripts: Scripts): Branch => {
  let script = 'default';
  let branch: Branch = { name: script, from: 0, answers: scripts[script]?.answers };
  items.forEach((item, from) => {
    if (item.user === undefined) return;
    const named = scriptFor(item.user, scripts);
    if (named !== undefined) {
      script = named;
      branch = { name: named, from, answers: scripts[named]?.answers };
    }
    const followUp = followUpFor(item.user, scripts[script]);
    if (followUp !== undefined)
      branch = { name: `${script}: ${followUp.match}`, from, answers: followUp.answers };
  });
  return branch;
};

const scriptFor = (text: string, scripts: Scripts): string | undefined => {
  const marker = [...text.matchAll(/\[\[script:([\w.-]+)\]\]/g)].at(-1)?.[1];
  if (marker !== undefined) return marker;
  return Object.entries(scripts).find(([, script]) => finds(script.match, text))?.[0];
};

const followUpFor = (text: string, script: Script | undefined) =>
  script?.followUps?.find((followUp) => finds(followUp.match, text));

const finds = (pattern: string | undefined, text: string): boolean =>
  pattern !== undefined && new RegExp(pattern, 'i').test(text);

const turnAfter = (items: readonly ConversationItem[]): number => {
  let turn = 0;
  for (const item of items) {
    const carried = item.callIds.flatMap((id) => /_t(\d+)_/.exec(id)?.[1] ?? []).map(Number);
    if (carried.length > 0) turn = Math.max(turn, ...carried.map((number) => number + 1));
    else if (item.callIds.length > 0) turn += 1;
  }
  return turn;
};

/** Each agent states the working folder in its own words. */
const FOLDER_PHRASES = [
  /<cwd>([^<\n]+)<\/cwd>/g,
  /[Ww]orking [Dd]irectory(?: is)?:\s*([^\s,`"<]+)/g,
  /Workspace Directories:\*{0,2}\s*-\s*(\/\S+)/g,
  /current working directory:?\s*(?:is\s*)?[`'"(]*(\/[^\s`'")<]+)/gi,
  /working in the directory:?\s*`?(\/[^\s`]+)/gi,
  /"(?:cwd|path|workspace)"\s*:\s*"(\/[^"]+)"/g,
  /cwd:\s*(\/\S+)/gi,
];

const workingFolder = (items: readonly ConversationItem[]): string | undefined => {
  const text = items.map((item) => item.text).join('\n');
  for (const phrase of FOLDER_PHRASES) {
    const found = [...text.matchAll(phrase)].at(-1)?.[1];
    if (found !== undefined) return found.replace(/[.,;]$/, '');
  }
  return undefined;
};
