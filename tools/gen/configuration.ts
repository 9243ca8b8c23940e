/** The reference page of the configuration: the schema of the server's settings, printed. */
import { z } from 'zod';
import { agents } from '../../packages/plugins/src/agents/_registry.ts';
import { drivers } from '../../packages/plugins/src/drivers/_registry.ts';
import { VARIABLES } from '../../packages/server/src/config/environment.ts';
import { ConfigInput } from '../../packages/server/src/config/schema.ts';
import { type JsonSchema, typeName } from './fields.ts';
import { page, table } from './page.ts';

export const configurationPage = (): string =>
  page('Configuration', 'packages/server/src/config/schema.ts', [
    'Nothing has to be set. What is set stands in `config.json` in the home, in variables of the environment, or in flags of ' +
      '`berth up`; a flag wins over a variable, and a variable over the file. An unknown key or a wrong value refuses the start and is ' +
      'named with its place.',
    table(
      ['setting', 'type', 'default', 'variable', 'meaning'],
      settingsOf(jsonOf(ConfigInput), []).map((setting) =>
        cellsOf(setting).toSpliced(3, 0, variablesOf(setting.path)),
      ),
    ),
    'The keys of model providers are taken from where they usually are: ' +
      `${VARIABLES.providers.map(({ name, key, url }) => `\`${key}\` and \`${url}\` make the provider \`${name}\``).join(', ')}.`,
    '## Drivers and agents',
    'Each has settings of its own.',
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

/** One setting a leaf; a map from names is one step, written `<name>`. */
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
