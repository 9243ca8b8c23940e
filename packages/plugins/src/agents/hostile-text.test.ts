import { slowText } from '@berth/plugin-api/conformance';
import { expect, test } from 'vitest';
import { stepsIn } from './scripted.ts';

test('the time to find the steps in a prompt grows with the prompt', () => {
  const read = (text: string): unknown => {
    try {
      return stepsIn(text);
    } catch (error) {
      return error;
    }
  };
  // The pattern that stood here went fast over its text, again and again.
  const maxCharacters = 160 * 1024;
  expect(slowText(read, { begins: ['```berth', '```berth\n'], maxCharacters })).toBeUndefined();
});

test('the last steps count, and what only begins is none', () => {
  const block = (say: string) => `\`\`\`berth \n[{"say":"${say}"}]\n\`\`\``;
  expect(stepsIn(`before ${block('one')} between ${block('two')} \`\`\`berth\n[`)).toEqual([{ say: 'two' }]);
  expect(stepsIn('```berth in a line``` and ```berth')).toBeUndefined();
});
