/** Reads usage from any object of the API that reports it: a whole response or one event of a stream. */
import type { Usage } from '@berth/contract';
import type { Ids, Store } from '@berth/core';
import { z } from 'zod';
import type { ModelProvider } from '../../config/config.ts';
import type { SpentTokens } from './relay.ts';

interface Counted {
  readonly usage: Usage;
  /** As named by the provider. */
  readonly model: string | undefined;
}

const NOTHING: Usage = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0 };

const count = z.int().min(0).nullish();

const OpenAi = z.object({
  prompt_tokens: count,
  completion_tokens: count,
  prompt_tokens_details: z.object({ cached_tokens: count }).nullish(),
  input_tokens: count,
  output_tokens: count,
  input_tokens_details: z.object({ cached_tokens: count }).nullish(),
});
const Anthropic = z.object({
  input_tokens: count,
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count,
  output_tokens: count,
});
const Gemini = z.object({
  promptTokenCount: count,
  cachedContentTokenCount: count,
  candidatesTokenCount: count,
  thoughtsTokenCount: count,
});

const named = { model: z.string().optional().catch(undefined) };
const openAiUsage = OpenAi.nullish().catch(undefined);
const anthropicUsage = Anthropic.nullish().catch(undefined);

const OpenAiObject = z.object({
  ...named,
  usage: openAiUsage,
  response: z
    .object({ ...named, usage: openAiUsage })
    .optional()
    .catch(undefined),
});
const AnthropicObject = z.object({
  ...named,
  usage: anthropicUsage,
  message: z
    .object({ ...named, usage: anthropicUsage })
    .optional()
    .catch(undefined),
});
const GeminiObject = z.object({
  usageMetadata: Gemini.nullish().catch(undefined),
  modelVersion: z.string().optional().catch(undefined),
});

export interface UsageCounter {
  /** Any object of the API; those without usage change nothing. Later values replace earlier ones. */
  add(object: unknown): void;
  counted(): Counted;
}

export const createUsageCounter = (wire: ModelProvider['wire']): UsageCounter => {
  let usage: Usage = NOTHING;
  let model: string | undefined;
  return {
    add(object) {
      const read = READERS[wire](object);
      usage = { ...usage, ...read.usage };
      model = read.model ?? model;
    },
    counted: () => ({ usage, model }),
  };
};

interface Read {
  readonly usage: Partial<Usage>;
  readonly model: string | undefined;
}

const readOpenAi = (object: unknown): Read => {
  const parsed = OpenAiObject.safeParse(object).data;
  const usage = parsed?.response?.usage ?? parsed?.usage;
  return {
    model: parsed?.response?.model ?? parsed?.model,
    usage: said({
      inputTokens: usage?.prompt_tokens ?? usage?.input_tokens,
      cachedInputTokens: (usage?.prompt_tokens_details ?? usage?.input_tokens_details)?.cached_tokens,
      outputTokens: usage?.completion_tokens ?? usage?.output_tokens,
    }),
  };
};

/** Its input tokens exclude cache reads and writes; ours are the total input. */
const readAnthropic = (object: unknown): Read => {
  const parsed = AnthropicObject.safeParse(object).data;
  const usage = parsed?.message?.usage ?? parsed?.usage;
  const cached = usage?.cache_read_input_tokens;
  const whole =
    usage?.input_tokens == null
      ? undefined
      : usage.input_tokens + (cached ?? 0) + (usage.cache_creation_input_tokens ?? 0);
  return {
    model: parsed?.message?.model ?? parsed?.model,
    usage: said({ inputTokens: whole, cachedInputTokens: cached, outputTokens: usage?.output_tokens }),
  };
};

const readGemini = (object: unknown): Read => {
  const parsed = GeminiObject.safeParse(Array.isArray(object) ? object.at(-1) : object).data;
  const usage = parsed?.usageMetadata;
  const output =
    usage?.candidatesTokenCount == null && usage?.thoughtsTokenCount == null
      ? undefined
      : (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0);
  return {
    model: parsed?.modelVersion,
    usage: said({
      inputTokens: usage?.promptTokenCount,
      cachedInputTokens: usage?.cachedContentTokenCount,
      outputTokens: output,
    }),
  };
};

const READERS = { openai: readOpenAi, anthropic: readAnthropic, gemini: readGemini };

const said = (usage: Readonly<Record<keyof Usage, number | null | undefined>>): Partial<Usage> =>
  Object.fromEntries(Object.entries(usage).filter(([, value]) => value != null));

/**
 * A Chat Completions stream reports usage only on request. It is requested for every client; the extra event is
 * hidden from clients that did not ask for it.
 */
interface UsageRequest {
  readonly request: Readonly<Record<string, unknown>>;
  readonly hide: (data: unknown) => boolean;
}

const Request = z.object({
  stream: z.literal(true),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
});

export const askForUsage = (request: Readonly<Record<string, unknown>>): UsageRequest => {
  const { data: asking } = Request.safeParse(request);
  if (asking === undefined || asking.stream_options?.include_usage === true)
    return { request, hide: () => false };
  return {
    request: { ...request, stream_options: { ...asking.stream_options, include_usage: true } },
    hide: isUsageEvent,
  };
};

const UsageEvent = z.object({ choices: z.array(z.unknown()).length(0), usage: z.object({}) });

const isUsageEvent = (data: unknown): boolean => UsageEvent.safeParse(data).success;

/** Records the usage of a model request in the ledger: one row per request, whatever its outcome. */
export const createLedger =
  (deps: { readonly store: Store; readonly ids: Pick<Ids, 'new'> }) =>
  async (spent: SpentTokens): Promise<void> => {
    await deps.store.write((tx) => tx.table('ledger').insert({ id: deps.ids.new('ledgerEntry'), ...spent }));
  };
