public import MartletBytes

// A version, the number of layers, then each: label, shape, inputs, steps. Counts and numbers are varints. Functions are their
// names, versions and arguments; whether they are known is asked when layers are expanded.

extension BlockLayers: PortableValue {
  private static let version: UInt8 = 1

  /// Writes some 100 bytes a layer, whatever its number of blocks.
  public func write(to writer: inout ByteWriter) {
    writer.write(byte: BlockLayers.version)
    writer.write(varint: UInt64(layers.count))
    for layer in layers { layer.write(to: &writer) }
  }

  /// Reads what `write(to:)` wrote; layers that could not have been added throw.
  public init(from reader: inout ByteReader) throws(ByteError) {
    let offset = reader.offset
    let version = try reader.readByte()
    guard version == BlockLayers.version else { throw ByteError(offset: offset, "layers of version \(version)") }
    let count = try reader.readCount(elementBytes: 4)
    var layers: [BlockLayer] = []
    layers.reserveCapacity(count)
    for _ in 0..<count { layers.append(try BlockLayer(from: &reader, after: layers)) }
    self.init(layers: layers)
  }
}

extension BlockLayer {
  fileprivate func write(to writer: inout ByteWriter) {
    writer.write(label)
    writer.write(numbers: grid.shape)
    writer.write(varint: UInt64(inputs.count))
    for input in inputs {
      writer.write(varint: UInt64(input.array.layer))
      writer.write(axes: input.axes)
    }
    writer.write(varint: UInt64(steps.count))
    for step in steps {
      writer.write(step.label)
      writer.write(step.call.name)
      writer.write(varint: UInt64(bitPattern: Int64(step.call.version)))
      writer.write(varint: UInt64(step.call.arguments.count))
      step.call.arguments.withUnsafeBytes { writer.write(raw: $0) }
      writer.write(numbers: step.grid.shape)
      writer.write(axes: step.place)
      writer.write(varint: UInt64(step.operands.count))
      for operand in step.operands {
        switch operand {
        case .input(let number): writer.write(varint: UInt64(number) << 1)
        case .step(let number): writer.write(varint: UInt64(number) << 1 | 1)
        }
      }
    }
  }

  fileprivate init(from reader: inout ByteReader, after layers: [BlockLayer]) throws(ByteError) {
    label = try reader.readText()
    grid = try reader.readGrid()
    let inputOffset = reader.offset
    let inputCount = try reader.readCount(elementBytes: 2)
    guard inputCount <= BlockLayer.mostInputs else {
      throw ByteError(offset: inputOffset, "\(inputCount) inputs of a layer")
    }
    var inputs: [BlockInput] = []
    for _ in 0..<inputCount {
      let offset = reader.offset
      let number = try reader.readNumber(below: layers.count, "layer")
      let array = BlockArray(layer: number, blocks: layers[number].blocks)
      let input = BlockInput(array, try reader.readAxes())
      if let mistake = input.mistake(in: grid.shape) { throw ByteError(offset: offset, mistake) }
      guard !inputs.contains(input) else { throw ByteError(offset: offset, "an input that stands there twice") }
      inputs.append(input)
    }
    self.inputs = inputs
    let offset = reader.offset
    let stepCount = try reader.readCount(elementBytes: 6)
    guard stepCount <= BlockLayer.mostSteps else { throw ByteError(offset: offset, "\(stepCount) steps for a block") }
    guard stepCount > 0 || inputs.isEmpty else { throw ByteError(offset: offset, "inputs of a layer without steps") }
    var steps: [BlockStep] = []
    for _ in 0..<stepCount { steps.append(try BlockStep(from: &reader, grid, inputs, after: steps.count)) }
    guard stepCount == 0 || steps[stepCount - 1].grid == grid else {
      throw ByteError(offset: offset, "the last step has another shape than the layer")
    }
    self.steps = steps
  }
}

extension BlockStep {
  fileprivate init(
    from reader: inout ByteReader, _ layerGrid: BlockGrid, _ inputs: [BlockInput], after earlier: Int
  ) throws(ByteError) {
    label = try reader.readText()
    let name = try reader.readText()
    let version = Int(Int64(bitPattern: try reader.readVarint()))
    let size = try reader.readCount(elementBytes: 1)
    let arguments = try reader.readRaw(size) { Array($0) }
    call = BlockCall(name: name, version: version, arguments: arguments, function: nil, location: CompactLocation())
    grid = try reader.readGrid()
    let offset = reader.offset
    place = try reader.readAxes()
    // A place is checked as an input is: it leads from the layer to a block of the step's own grid.
    if let mistake = BlockInput(BlockArray(layer: 0, blocks: grid.shape), place).mistake(in: layerGrid.shape) {
      throw ByteError(offset: offset, mistake)
    }
    guard !place.contains(.all) else { throw ByteError(offset: offset, "a step at several places") }
    let operandOffset = reader.offset
    let count = try reader.readCount(elementBytes: 1)
    guard count <= BlockLayer.mostInputs else {
      throw ByteError(offset: operandOffset, "\(count) operands of a step")
    }
    var operands: [BlockOperand] = []
    for _ in 0..<count {
      let offset = reader.offset
      let word = try reader.readVarint()
      let isStep = word & 1 == 1
      guard word >> 1 < UInt64(isStep ? earlier : inputs.count) else {
        throw ByteError(offset: offset, "\(isStep ? "step" : "input") \(word >> 1) as an operand, which is not there")
      }
      operands.append(isStep ? .step(Int(word >> 1)) : .input(Int(word >> 1)))
    }
    self.operands = operands
  }
}

extension ByteWriter {
  mutating func write(numbers: [Int]) {
    write(varint: UInt64(numbers.count))
    for number in numbers { write(varint: UInt64(number)) }
  }

  mutating func write(axes: [BlockAxis]) {
    write(varint: UInt64(axes.count))
    for axis in axes {
      switch axis {
      case .all: write(varint: 0)
      case .along(let dimension): write(varint: UInt64(dimension) << 1 | 1)
      case .at(let place): write(varint: (UInt64(place) + 1) << 1)
      }
    }
  }
}

extension ByteReader {
  mutating func readNumber(below end: Int, _ what: String) throws(ByteError) -> Int {
    let offset = offset
    let number = try readVarint()
    guard number < UInt64(end) else { throw ByteError(offset: offset, "\(what) \(number) of \(end)") }
    return Int(number)
  }

  mutating func readGrid() throws(ByteError) -> BlockGrid {
    let offset = offset
    let count = try readCount(elementBytes: 1)
    guard count <= BlockGrid.mostDimensions else { throw ByteError(offset: offset, "\(count) dimensions") }
    var shape: [Int] = []
    for _ in 0..<count { shape.append(try readNumber(below: Int.max, "blocks")) }
    guard let grid = BlockGrid(shape) else { throw ByteError(offset: offset, "\(shape) blocks") }
    return grid
  }

  mutating func readAxes() throws(ByteError) -> [BlockAxis] {
    let offset = offset
    let count = try readCount(elementBytes: 1)
    guard count <= BlockGrid.mostDimensions else { throw ByteError(offset: offset, "\(count) axes") }
    var axes: [BlockAxis] = []
    for _ in 0..<count {
      let word = try readVarint()
      if word == 0 {
        axes.append(.all)
      } else if word & 1 == 1 {
        axes.append(.along(Int(word >> 1)))
      } else {
        axes.append(.at(Int(word >> 1) - 1))
      }
    }
    return axes
  }
}
