/**
 * The script of a model. A script is a list of answers; each is one reply of the model, in abstract verbs (`write`,
 * `edit`, `read`, `bash`) that are mapped to the tools the agent offers, so that one script drives every agent over
 * every API format.
 *
 * Which script: `[[script:NAME]]` in a user message, else the first script whose `match` (a regular expression,
 * case-insensitive) matches it; the newest such message wins; `default` when there is none. A script may have
 * `followUps`: when a message of the same conversation, or the one that chose the script, matches one of them, that
 * branch answers from there on ("the gate is red" → make the right fix).
 */
import { z } from 'zod';

const verb = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('write'), path: z.string(), content: z.string() }),
  z.strictObject({ do: z.literal('edit'), path: z.string(), old: z.string(), new: z.string() }),
  z.strictObject({ do: z.literal('read'), path: z.string() }),
  z.strictObject({ do: z.literal('bash'), command: z.string() }),
]);

const named = z.strictObject({ name: z.string(), args: z.record(z.string(), z.unknown()) });

export const ScriptedUsage = z.strictObject({
  input: z.int().min(0),
  cachedInput: z.int().min(0),
  output: z.int().min(0),
});
export type ScriptedUsage = z.infer<typeof ScriptedUsage>;

const Answer = z.strictObject({
  text: z.string().optional(),
  calls: z.array(z.union([verb, named])).optional(),
  usage: ScriptedUsage.partial().optional(),
  delayMs: z.int().min(0).optional(),
  /** Pause after every piece of a stream. */
  pieceDelayMs: z.int().min(0).optional(),
  /** Answers this status, always or the first `times` times; then the rest of the answer. */
  error: z
    .strictObject({
      status: z.int().min(400).max(599),
      message: z.string().optional(),
      times: z.int().min(1).optional(),
    })
    .optional(),
  /** Never answers; the client must time out. */
  hang: z.literal(true).optional(),
  /** The connection is cut after the text. */
  cut: z.literal(true).optional(),
});
export type Answer = z.infer<typeof Answer>;
export type ScriptedCall = NonNullable<Answer['calls']>[number];
export type Verb = z.infer<typeof verb>;

const Script = z.strictObject({
  match: z.string().optional(),
  answers: z.array(Answer),
  followUps: z.array(z.strictObject({ match: z.string(), answers: z.array(Answer) })).optional(),
});
export type Script = z.infer<typeof Script>;

export const Scripts = z.record(z.string(), Script);
export type Scripts = z.infer<typeof Scripts>;

export const DEFAULT_USAGE: ScriptedUsage = { input: 1000, cachedInput: 200, output: 50 };

export const DEFAULT_SCRIPTS: Scripts = {
  default: {
    answers: [
      {
        text: 'I write the file.',
        calls: [{ do: 'write', path: 'hello.txt', content: 'hello from the scripted model\n' }],
      },
      { calls: [{ do: 'bash', command: 'git status --short; wc -c hello.txt' }] },
      { text: 'Done: hello.txt is written.' },
    ],
  },
};
