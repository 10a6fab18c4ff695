import { expect, test } from 'vitest';
import { unifiedDiff } from './unified-diff.ts';

const lines = (...text: string[]) => text.join('\n');

test('shows three lines around a change', () => {
  expect(
    unifiedDiff(lines('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'), lines('a', 'b', 'c', 'd', 'X', 'f', 'g', 'h', 'i')),
  ).toBe('@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+X\n f\n g\n h\n');
});

test('shows changes far apart in groups of their own', () => {
  const before = Array.from({ length: 20 }, (_, index) => `line ${index}`);
  const after = before.with(1, 'first').toSpliced(18, 1);
  expect(unifiedDiff(lines(...before), lines(...after)).match(/^@@.*$/gm)).toEqual([
    '@@ -1,5 +1,5 @@',
    '@@ -16,5 +16,4 @@',
  ]);
});

test('shows nothing where nothing changed', () => {
  expect(unifiedDiff(lines('a', 'b'), lines('a', 'b'))).toBe('');
});

test('of very long texts whose lines repeat only the ends are compared', () => {
  const before = Array.from({ length: 20_000 }, (_, i) => `line ${i % 150}`);
  const after = [...before.slice(0, 10), ...before.slice(10, -10).reverse(), ...before.slice(-10)];
  const lines = unifiedDiff(before.join('\n'), after.join('\n')).split('\n');
  expect(lines[0]).toBe('@@ -8,19986 +8,19986 @@');
  expect(lines.slice(1, 5)).toEqual([' line 7', ' line 8', ' line 9', '-line 10']);
});

test('more new lines than a call has arguments are one change', () => {
  const added = Array<string>(150_000).fill('x');
  expect(unifiedDiff('a', ['a', ...added].join('\n')).split('\n').length).toBe(added.length + 3);
});
