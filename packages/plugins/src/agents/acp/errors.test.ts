/** Words in which real agents told of a model that does not exist or does not answer; and whose fault it is. */
import { describe, expect, it } from 'vitest';
import { failure } from './errors.ts';

const blame = { agent: 'coder', model: { provider: 'acme', model: 'nope' } };

describe('whose failure it is', () => {
  it.each([
    // Claude Code through claude-agent-acp 0.100.0.
    `Internal error: There's an issue with the selected model (nope). It may not exist or you may not have access to it. {"errorKind":"model_not_found"}`,
    // Codex through codex-acp 2.6.0.
    'unexpected status 404 Not Found: The model `nope` does not exist or you do not have access to it., url: http://berth.internal/models/acme/v1/responses',
    // Gemini CLI 0.61.0 and Qwen Code 0.24.4 pass on what the provider says.
    'models/nope is not found for API version v1beta, or is not supported for generateContent.',
    'Internal error {"details":"404 The model `nope` does not exist or you do not have access to it."}',
    '{"type":"error","error":{"type":"not_found_error","message":"model: nope"}}',
  ])('a model that nobody has: %s', (detail) => {
    expect(failure(detail, blame)).toMatchObject({
      code: 'model.unknown',
      details: { provider: 'acme', model: 'nope', detail },
    });
  });

  it.each([
    'The provider cannot be reached (model.unavailable)',
    'stream disconnected before completion: 529 overloaded',
  ])('a model that does not answer: %s', (detail) => {
    expect(failure(detail, blame)).toMatchObject({ code: 'model.unavailable' });
  });

  it('a provider without a key, as our relay says it, is no outage', () => {
    const detail = 'No key is configured for the model provider acme. (model.unconfigured)';
    expect(failure(detail, blame)).toMatchObject({ code: 'model.unconfigured', kind: 'invalid' });
  });

  it.each([
    'Warning: Model metadata for `nope` not found. Defaulting to fallback metadata. out of cheese',
    'a.txt does not exist',
  ])('neither: %s', (detail) => {
    expect(failure(detail, blame)).toMatchObject({ code: 'agent.failed' });
  });
});
