import Geometry
import VisionData

// What is in a picture, before a pixel is drawn.

/// A picture to draw: surroundings, objects from back to front, light.
struct Scene: Sendable {
  var width: Int
  var height: Int
  var regions: [SceneRegion]
  var items: [SceneItem] = []
  var light = SceneLight()
  /// The seed of the sensor noise.
  var noiseSeed: UInt32 = 0
}

/// A region of the surroundings, in pixels; later ones lie on top.
struct SceneRegion: Sendable {
  var label: UInt8
  /// The outline, or nil for the whole canvas.
  var ring: [Point]? = nil
  var paint: Paint
}

/// An object or a distractor.
struct SceneItem: Sendable {
  /// What it is; nil for a distractor, which no annotation names.
  var kind: SampleClass?
  var parts: [ShapePart]
  var placement: Placement
  /// Half the extent in pixels; sets the width of shading and shadow.
  var radius: Double
  /// Whether it belongs to a crowd, which is annotated as one region.
  var isCrowd = false
}

/// Light, camera and sensor.
struct SceneLight: Sendable {
  /// Where the light comes from, in turns clockwise from the right.
  var turns = 0.62
  /// How strongly surfaces turn bright or dark.
  var relief: Float = 0.5
  var shadow: Float = 0.3
  var outline: Float = 0.2
  var gain: Color = Color(repeating: 1)
  /// How much brightness falls off towards one side.
  var falloff: Float = 0.1
  var softness: Float = 0
  var noise: Float = 0.02
}

/// A drawn picture and what every pixel belongs to.
struct RenderedScene: Sendable {
  var image: RGBImage
  /// Class of each pixel; 0 is other.
  var labels: LabelMap
  /// Index in `items` of the item seen at each pixel; -1 for the surroundings.
  var owners: [Int16]
  /// Pixels that each item would cover if it lay in front of all others.
  var fullAreas: [Int]
}
