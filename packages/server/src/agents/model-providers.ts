/** The configured model providers in the order of preference, each with the model for tasks that name none. */
import type { Config } from '../config/config.ts';
import type { ModelProvider } from './agents.ts';

/** Good coding models on the day this was written; `models.default` in the configuration says otherwise. */
const USUAL_MODELS = {
  anthropic: 'claude-opus-4-8',
  openai: 'gpt-5.5',
  gemini: 'gemini-3.1-pro',
} as const satisfies Record<ModelProvider['wire'], string>;

/** `models.default` (`provider/model`) decides which provider comes first, and its model. */
export const modelProviders = (models: Config['models']): ModelProvider[] => {
  const slash = models.default?.indexOf('/') ?? -1;
  const chosen = models.default === undefined ? undefined : models.default.slice(0, slash);
  return Object.entries(models.providers)
    .map(([name, { wire }]) => {
      const own = name === chosen ? models.default?.slice(slash + 1) : undefined;
      return { name, wire, defaultModel: own ?? USUAL_MODELS[wire] };
    })
    .sort((one, other) => Number(other.name === chosen) - Number(one.name === chosen));
};
