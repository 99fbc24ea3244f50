// Training, off the page's thread. For WebGL or WebGPU import its TensorFlow.js backend here too and name it in `backend`.
import 'sotto/client/tfjs/worker';
