/** What rules of Make make: where a file or folder of that name is there, a rule may be taken for done. */
const RULE = /^([\w./ -]{1,500}?)\s*::?(?!=)/;

export const makeTargets = (text: string): string[] => {
  const rules = text.split('\n').flatMap((line) => RULE.exec(line)?.[1]?.split(/\s+/) ?? []);
  const always = new Set(
    text.split('\n').flatMap((line) => (line.startsWith('.PHONY') ? line.split(/[\s:]+/) : [])),
  );
  return [...new Set(rules)].filter((name) => /^\w/.test(name) && !always.has(name));
};
