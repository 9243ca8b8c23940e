/** The operator's allow-list of models per provider. */
import type { ModelProvider } from '../../config/config.ts';
import { refused } from './request-rules.ts';

export interface ModelAskedFor {
  readonly name: string;
  readonly provider: Pick<ModelProvider, 'models'>;
  /** As named in the URL and the body; a provider may use either. */
  readonly models: readonly unknown[];
}

/** Rejects with `request.invalid` when a model is not on the list, or none is named. */
export const checkModels = ({ name, provider, models }: ModelAskedFor): void => {
  const { models: allowed } = provider;
  if (allowed === undefined) return;
  const named = models.filter((one) => one !== undefined);
  if (named.length > 0 && named.every((one) => allowed.some((entry) => isNamedBy(entry, one)))) return;
  throw refused(
    ['model'],
    `allowed models of ${name}: ${allowed.join(', ')}; the operator configures them in models.providers.${name}.models`,
  );
};

/** For a request and, where it contains others (Gemini), for each of them. */
export const modelsIn = (request: Readonly<Record<string, unknown>>): unknown[] => [
  request.model,
  ...[request.generateContentRequest, request.generate_content_request, request.requests].flat().map(modelOf),
];

const modelOf = (one: unknown): unknown =>
  typeof one === 'object' && one !== null && 'model' in one ? one.model : undefined;

const isNamedBy = (entry: string, asked: unknown): boolean => {
  if (typeof asked !== 'string') return false;
  // Gemini names a model in a body by its resource.
  const model = asked.replace(/^models\//, '');
  return entry.endsWith('*') ? model.startsWith(entry.slice(0, -1)) : model === entry;
};
