/** Every command against a server whose every text is hostile, in its answers and in its refusals, as text and as JSON. */
import { fail, type IdNoun, PREFIXES, ROUTES, type RouteShape } from '@berth/contract';
import { type Answer, type Script, startScriptedServer } from '@berth/sdk/scripted-server';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { createProgram, runCommandLine } from '../src/program.ts';
import { createWorld } from './scripted-io.ts';

/** Writes the clipboard (OSC 52), clears, moves up, turns the text round, forges a line. */
const EVIL = 'ok\u001b]52;c;ZXZpbA==\u0007\u001b[2J\u009b1A\u202eevil\u2028\rerror: forged';
const OBEYED = /[^\P{Cc}\n\t]|[\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

/** They start or end servers of this machine, print nothing of a server, are a terminal inside, or need a checkout. */
const NOT_TRIED = ['up', 'down', 'completion', 'shell', 'run'];
/** Answered by nothing, by a WebSocket whose refusal no client can read, or followed until somebody ends it. */
const SILENT = ['workspace remove', 'events', 'sandbox exec', 'sandbox forward'];
/** Some follow what goes on for ever: they are interrupted twice, once they have printed something. */
const LOOK_MS = 50;
const LONGEST_MS = 10_000;
const INTERRUPTS = 2;
const AT_ONCE = 8;

type Schema = z.core.JSONSchema.BaseSchema;

const choicesOf = ({ anyOf, oneOf, allOf }: Schema): readonly Schema[] =>
  (anyOf ?? oneOf ?? allOf ?? []) as Schema[];

/** The largest answer that the schema allows with one of everything, and hostile wherever text is free. */
const hostile = (schema: Schema, root: Schema = schema): unknown => {
  const of = (part: unknown): unknown => hostile(part as Schema, root);
  if (schema.$ref !== undefined) return of(root.$defs?.[schema.$ref.split('/').at(-1) ?? ''] ?? {});
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined)
    return schema.enum.find((value) => value === 'completed') ?? schema.enum.at(-1);
  const [choice] = choicesOf(schema);
  if (choice !== undefined) return of(choice);
  switch (schema.type) {
    case 'object': {
      // The next page would be asked for without end.
      const named = Object.entries(schema.properties ?? {}).filter(([name]) => name !== 'next');
      const known = named.map(([name, part]) => [name, of(part)]);
      const isOpen = typeof schema.additionalProperties === 'object';
      return { ...Object.fromEntries(known), ...(isOpen ? { [EVIL]: of(schema.additionalProperties) } : {}) };
    }
    case 'array':
      return [of(schema.items ?? {})];
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return true;
    default:
      return idLike(schema.pattern) ?? EVIL;
  }
};

const idLike = (pattern: string | undefined): string | undefined => {
  const prefix = /^\^([a-z]+_)\[/.exec(pattern ?? '')?.[1];
  return prefix === undefined ? undefined : prefix + '0'.repeat(20);
};

const answering = ({ returns, answers = 'json' }: RouteShape): Answer => {
  if (answers === 'text' || answers === 'bytes') return () => EVIL;
  const schema = z.toJSONSchema(returns, { unrepresentable: 'any' }) as Schema;
  if (answers !== 'events') return () => hostile(schema);
  const choices = choicesOf(schema);
  return async function* () {
    for (const [index, choice] of (choices.length === 0 ? [schema] : choices).entries())
      yield [String(index + 1), hostile(choice, schema)];
  };
};

const scriptOf = (answer: (route: RouteShape) => Answer): Script =>
  Object.fromEntries((ROUTES as readonly RouteShape[]).map((route) => [route.id, answer(route)]));

interface Line {
  readonly words: readonly string[];
}

const linesOf = (command: Command, words: readonly string[] = []): Line[] => {
  if (command.commands.length > 0)
    return command.commands
      .filter((child) => !NOT_TRIED.includes(child.name()))
      .flatMap((child) => linesOf(child, [...words, child.name()]));
  const given = command.registeredArguments.map((argument) => wordFor(argument.name(), words[0] ?? ''));
  const needed = command.options
    .filter(({ mandatory }) => mandatory)
    .flatMap((option) => [
      option.long ?? '',
      option.argChoices?.[0] ?? wordFor(option.attributeName(), words[0] ?? ''),
    ]);
  return [{ words: [...words, ...given, ...needed] }];
};

const idOf = (noun: string): string => `${PREFIXES[noun as IdNoun] ?? 'x'}_${'0'.repeat(20)}`;

const wordFor = (name: string, noun: string): string => {
  if (name === 'id' || name in PREFIXES) return idOf(name === 'id' ? noun : name);
  return name.endsWith('Id') ? idOf(name.slice(0, -2)) : 'word';
};

const COMMANDS = linesOf(createProgram({ world: createWorld(), done: () => undefined }));

const said = async (address: string, words: readonly string[]): Promise<string> => {
  const world = createWorld({ BERTH_ADDRESS: address });
  // Into a pipe `sandbox exec` passes bytes, as it says.
  const atTerminal = {
    ...world,
    stdout: { ...world.stdout, isTTY: true },
    stderr: { ...world.stderr, isTTY: true },
  };
  const enough = Promise.withResolvers<void>();
  let presses = 0;
  const begunAt = Date.now();
  const pressing = setInterval(() => {
    const hasPrinted = `${world.out()}${world.err()}`.includes('evil');
    if (!hasPrinted && Date.now() - begunAt < LONGEST_MS) return;
    if (presses === INTERRUPTS) enough.resolve();
    world.interrupt();
    presses += 1;
  }, LOOK_MS);
  await Promise.race([runCommandLine([...words], atTerminal), enough.promise]).finally(() =>
    clearInterval(pressing),
  );
  return world.out() + world.err();
};

test('no command lets an answer or a refusal reach the terminal that obeys it', {
  timeout: 30_000,
}, async () => {
  await using good = await startScriptedServer(scriptOf(answering));
  const refusal = () => fail('request.invalid', { issues: [{ path: EVIL, message: EVIL }] });
  await using bad = await startScriptedServer(scriptOf(() => () => Promise.reject(refusal())));
  const tried = COMMANDS.flatMap(({ words }) =>
    [good, bad].flatMap(({ address }) => [
      { address, words },
      { address, words: [...words, '--json'] },
      { address, words: [...words, '--follow'] },
    ]),
  );
  const texts: string[] = [];
  const left = [...tried.entries()];
  const work = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop())
      texts[next[0]] = await said(next[1].address, next[1].words);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const obeyed = tried.filter((_, index) => OBEYED.test(texts[index] ?? ''));
  expect(obeyed.map(({ words }) => words)).toEqual([]);
  for (const text of texts) expect(text).not.toMatch(/^error: forged/m);
  // The trial means something: nearly every command printed some of it.
  const silent = tried.filter(
    ({ words }, index) =>
      !words.includes('--follow') &&
      !SILENT.includes(words.slice(0, 2).join(' ')) &&
      !texts[index]?.includes('evil'),
  );
  expect(silent.map(({ words }) => words.join(' '))).toEqual([]);
});
