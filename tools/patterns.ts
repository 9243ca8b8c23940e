/**
 * Patterns assembled at run time. How a parser handles untrusted text is tested next to it (`hostile-text.test.ts` of
 * each area); a pattern built by `new RegExp` is easily missed, so each of them is found here, assembled as far as
 * the file allows, and tested by itself.
 */
import { slowText } from '@berth/plugin-api/conformance';
import { parseSync } from 'oxc-parser';
import { isCode, isTest, type Problem, type TreeFile } from './tree.ts';

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

/** Placeholder for a value known only at run time. */
const UNKNOWN = 'a';

export const patternProblems = (files: readonly TreeFile[]): Problem[] =>
  files
    .filter(({ path, text }) => isCode(path) && !isTest(path) && text.includes('RegExp('))
    .flatMap(({ path, text }) =>
      constructedPatterns({ path, text }).flatMap((pattern) => {
        const slow = slowText((hostile) => hostile.replace(pattern, ''), { begins: beginningsOf(pattern) });
        if (slow === undefined) return [];
        return [{ path, message: `${pattern} takes more than linear time on ${JSON.stringify(slow)}` }];
      }),
    );

export const constructedPatterns = ({ path, text }: TreeFile): RegExp[] => {
  const { program } = parseSync(path, text);
  const nodes = [...nodesIn(program)];
  const constants = new Map(
    nodes.flatMap((node) =>
      node.type === 'VariableDeclarator' && isNode(node.id) && isNode(node.init)
        ? [[String(node.id.name), node.init] as const]
        : [],
    ),
  );
  return nodes
    .filter(
      ({ type, callee }) =>
        /^(?:New|Call)Expression$/.test(type) && isNode(callee) && callee.name === 'RegExp',
    )
    .map(({ arguments: [source, flags] = [] }: Node & { arguments?: Node[] }) => {
      const tell = (node: Node | undefined): string => (node === undefined ? '' : textOf(node, constants));
      // Sticky and single matches would stop after the first.
      return new RegExp(tell(source), `${tell(flags).replaceAll(/[^imsu]/g, '')}g`);
    });
};

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

function* nodesIn(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const one of value) yield* nodesIn(one);
  else if (isNode(value)) {
    yield value;
    for (const child of Object.values(value)) yield* nodesIn(child);
  }
}

/** The value of the expression, as far as constants of the file determine it. */
const textOf = (node: Node, constants: ReadonlyMap<string, Node>): string => {
  const tell = (part: unknown): string => (isNode(part) ? textOf(part, constants) : UNKNOWN);
  switch (node.type) {
    case 'Literal':
      return isPattern(node.regex) ? node.regex.pattern : String(node.value);
    case 'TemplateLiteral': {
      const [texts, values] = [node.quasis as Node[], node.expressions as Node[]];
      return texts
        .map(
          ({ value }, index) =>
            (value as { cooked: string }).cooked + (index in values ? tell(values[index]) : ''),
        )
        .join('');
    }
    case 'BinaryExpression':
      return node.operator === '+' ? tell(node.left) + tell(node.right) : UNKNOWN;
    case 'Identifier': {
      const constant = constants.get(String(node.name));
      return constant === undefined
        ? UNKNOWN
        : textOf(constant, new Map(without(constants, String(node.name))));
    }
    case 'MemberExpression':
      return isNode(node.property) && node.property.name === 'source' ? tell(node.object) : UNKNOWN;
    case 'CallExpression':
      return joined(node, tell, constants) ?? UNKNOWN;
    default:
      return UNKNOWN;
  }
};

const without = (constants: ReadonlyMap<string, Node>, name: string) =>
  [...constants].filter(([known]) => known !== name);

const isPattern = (value: unknown): value is { readonly pattern: string } =>
  typeof value === 'object' && value !== null && 'pattern' in value;

/** `[…].join('|')`, also of a constant. */
const joined = (
  { callee, arguments: [between] = [] }: Node & { arguments?: Node[] },
  tell: (part: unknown) => string,
  constants: ReadonlyMap<string, Node>,
): string | undefined => {
  if (!isNode(callee) || !isNode(callee.property) || callee.property.name !== 'join') return undefined;
  const list = elementsOf(callee.object, constants);
  return list?.map(tell).join(between === undefined ? ',' : tell(between));
};

const elementsOf = (list: unknown, constants: ReadonlyMap<string, Node>): readonly unknown[] | undefined => {
  if (!isNode(list)) return undefined;
  if (list.type === 'Identifier') return elementsOf(constants.get(String(list.name)), constants);
  if (list.type !== 'ArrayExpression') return undefined;
  return (list.elements as Node[]).flatMap((element) =>
    element.type === 'SpreadElement' ? (elementsOf(element.argument, constants) ?? [element]) : [element],
  );
};

const MOST_BEGINNINGS = 8;

/**
 * Literal text in it, complete and without its last character, repeated: prefixes that the rest of the pattern waits
 * for.
 */
const beginningsOf = ({ source }: RegExp): string[] => {
  const plain = source.match(/(?:[\w "'/:=<>@-]|\\[^\w\s])+/g) ?? [];
  const texts = plain
    .map((text) => text.replaceAll(/\\(.)/g, '$1'))
    .filter((text) => text.length > 1)
    .slice(0, MOST_BEGINNINGS)
    .flatMap((text) => [text, text.slice(0, -1)]);
  return [...new Set(texts)];
};
