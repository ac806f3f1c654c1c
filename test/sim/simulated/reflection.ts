// Stands in for @grpc/reflection in a simulation: nobody asks there, and making it takes as long as a second of a run.

export class ReflectionService {
  addToServer(): void {
    // Nothing is offered.
  }
}
