// The contract of Primitives, run by each implementation.
import { primitivesContract } from '../contracts/primitives.js';
import { PRIMITIVES } from './implementations.js';

for (const [name, crypto] of PRIMITIVES) primitivesContract(name, crypto);
