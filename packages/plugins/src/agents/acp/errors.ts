/** Maps failures of an agent to errors of the catalogue, so that callers can act on the code. */
import { RequestError } from '@agentclientprotocol/sdk';
import { type BerthError, fail, isBerthError } from '@berth/contract';
import type { ModelAccess } from '@berth/plugin-api';

export interface Blame {
  readonly agent: string;
  readonly model: Pick<ModelAccess, 'provider' | 'model'> | undefined;
}

const AUTH_REQUIRED = -32000;
const DETAIL_CHARACTERS = 2_000;

export const agentError = (error: unknown, blame: Blame): BerthError => {
  if (isBerthError(error)) return error;
  if (error instanceof RequestError && error.code === AUTH_REQUIRED)
    return fail('agent.auth_required', { agent: blame.agent }, { cause: error });
  return failure(detailOf(error), blame, error);
};

/** The failure that ended a turn: its cause can only be read from its text. */
export const failure = (detail: string, { agent, model }: Blame, cause?: unknown): BerthError => {
  if (model !== undefined && MODEL_UNKNOWN.test(detail))
    return fail('model.unknown', { provider: model.provider, model: model.model, detail }, { cause });
  if (model !== undefined && detail.includes('model.unconfigured'))
    return fail('model.unconfigured', { provider: model.provider }, { cause });
  if (model !== undefined && MODEL_TROUBLE.test(detail))
    return fail('model.unavailable', { provider: model.provider, detail }, { cause });
  return fail('agent.failed', { agent, detail }, { cause });
};

/** How OpenAI, Anthropic, Gemini and their agents report an unknown model. */
const MODEL_UNKNOWN =
  /model_not_found|not_found_error.{0,80}\bmodel|\bmodels?\b.{0,120}(?:does not|doesn't|may not) exist|\bmodels\/\S{1,200} is not found/i;

/** What agents report when their model is unreachable or unavailable; the first is Berth's own relay. */
const MODEL_TROUBLE =
  /model\.unavailable|ECONNREFUSED|ECONNRESET|ENOTFOUND|fetch failed|unable to connect|socket connection was closed|overloaded|rate.?limit|service unavailable|bad gateway|\b(?:429|502|503|504|529)\b/i;

const detailOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error).slice(0, DETAIL_CHARACTERS);
  const data =
    error instanceof RequestError && error.data !== undefined ? ` ${JSON.stringify(error.data)}` : '';
  return `${error.message}${data}`.slice(0, DETAIL_CHARACTERS);
};
