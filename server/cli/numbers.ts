// Numbers on the command line. Not here: which option takes which (program.ts).

import { InvalidArgumentError } from 'commander';

const WHOLE = /^(0|[1-9]\d{0,15})$/;

export function wholeNumber(text: string): number {
  if (!WHOLE.test(text) || !Number.isSafeInteger(Number(text)))
    throw new InvalidArgumentError('It must be a whole number of at least 0.');
  return Number(text);
}

export function positiveNumber(text: string): number {
  const value = wholeNumber(text);
  if (value < 1) throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return value;
}

export function positiveReal(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

export function probability(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('It must be a number between 0 and 1.');
  return value;
}
