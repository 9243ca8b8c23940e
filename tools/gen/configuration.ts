/** The reference page of the configuration, from the schema of the server's settings. */
import { z } from 'zod';
import { agents } from '../../packages/plugins/src/agents/_registry.ts';
import { drivers } from '../../packages/plugins/src/drivers/_registry.ts';
import { VARIABLES } from '../../packages/server/src/config/environment.ts';
import { ConfigInput } from '../../packages/server/src/config/schema.ts';
import { type JsonSchema, typeName } from './fields.ts';
import { page, table } from './page.ts';

export const configurationPage = (): string =>
  page('Configuration', 'packages/server/src/config/schema.ts', [
    'All settings are optional. They are read from `config.json` in the home, environment variables, or flags of ' +
      '`berth up`; a flag overrides a variable, and a variable overrides the file. An unknown key or an invalid value prevents the start and is ' +
      'reported with its path.',
    table(
      ['setting', 'type', 'default', 'variable', 'meaning'],
      settingsOf(jsonOf(ConfigInput), []).map((setting) =>
        cellsOf(setting).toSpliced(3, 0, variablesOf(setting.path)),
      ),
    ),
    'Keys of model providers are read from their usual variables: ' +
      `${VARIABLES.providers.map(({ name, key, url }) => `\`${key}\` and \`${url}\` configure the provider \`${name}\``).join(', ')}.`,
    '## Drivers and agents',
    'Each has its own settings.',
    table(
      ['setting', 'type', 'default', 'meaning'],
      PLUGINS.flatMap(({ kind, name, config }) => settingsOf(jsonOf(config), [kind, name])).map(cellsOf),
    ),
  ]);

interface Plugin {
  readonly name: string;
  readonly config: z.ZodType;
}

const loaded = async (kind: string, registry: Record<string, () => Promise<{ default: Plugin }>>) =>
  Promise.all(
    Object.values(registry).map(async (load) => {
      const { name, config } = (await load()).default;
      return { kind, name, config };
    }),
  );

const PLUGINS = [...(await loaded('drivers', drivers)), ...(await loaded('agents', agents))];

interface Setting {
  readonly path: string;
  readonly type: string;
  readonly standard: string;
  readonly meaning: string;
}

/** One setting per leaf; a map keyed by name is one step, written `<name>`. */
const settingsOf = (schema: JsonSchema, path: readonly string[]): Setting[] => {
  if (schema.properties !== undefined)
    return Object.entries(schema.properties).flatMap(([name, inner]) => settingsOf(inner, [...path, name]));
  const inner = schema.additionalProperties;
  if (typeof inner === 'object' && inner.properties !== undefined)
    return settingsOf(inner, [...path, '<name>']);
  return [
    {
      path: path.join('.'),
      type: typeName(schema),
      standard: schema.default === undefined ? '' : `\`${JSON.stringify(schema.default)}\``,
      meaning: schema.description ?? '',
    },
  ];
};

const jsonOf = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input' }) as JsonSchema;

const cellsOf = ({ path, type, standard, meaning }: Setting) => [`\`${path}\``, type, standard, meaning];

const variablesOf = (path: string): string =>
  VARIABLES.settings
    .filter((one) => one.path.join('.') === path)
    .map(({ name }) => `\`${name}\``)
    .join(', ');
