import { type DescFile, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { Server } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { AgentService, SessionService, SignalService } from "@perdure/protocol";
import { asBuffer } from "./grpc/methods.ts";

/** The standard reflection service: tools such as grpcurl learn from it what there is to call. */
export function registerReflection(server: Server): void {
  const files = new Set<DescFile>();
  for (const { file } of [AgentService, SessionService, SignalService]) collect(file, files);
  const fileDescriptorProtos = [...files].map(({ proto }) => asBuffer(toBinary(FileDescriptorProtoSchema, proto)));
  // The library reads the files of every definition in a package; one definition that names them all will do.
  const format = "Protocol Buffer 3 EnumDescriptorProto";
  new ReflectionService({ perdure: { format, type: {}, fileDescriptorProtos } }).addToServer(server);
}

function collect(file: DescFile, into: Set<DescFile>): void {
  if (into.has(file)) return;
  into.add(file);
  for (const dependency of file.dependencies) collect(dependency, into);
}
