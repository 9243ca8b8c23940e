/** A generated page and its tables. */
export const page = (title: string, source: string, parts: readonly string[]): string =>
  `${[`# ${title}`, `Generated from \`${source}\` by \`npm run gen\`.`, ...parts].join('\n\n')}\n`;

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ').replaceAll('\n', ' ')} |`)
    .join('\n');
